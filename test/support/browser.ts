/** A headless Chromium that nothing else shares: its own profile and home, no network of its own. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserContext, chromium, type Page } from 'playwright-core';
import { findTool } from './tools.ts';

export interface OpenPage {
  readonly page: Page;
  /** Errors of scripts, what the console said of errors, and refusals of the page's policy. */
  readonly problems: string[];
  /** Addresses that were asked for, the page itself left out. */
  readonly requests: string[];
}

/** In the page: when the map was there, in milliseconds since somebody asked for the page, as `drawnAt`. */
const NOTE_FIRST_TILE = `new MutationObserver((_, observer) => {
  if (document.querySelector('[data-tile]') === null) return;
  observer.disconnect();
  globalThis.drawnAt = performance.now();
}).observe(document, { childList: true, subtree: true });`;

export class Browser {
  private readonly home = mkdtempSync(join(tmpdir(), 'imgopt-chromium-'));
  private context: BrowserContext | undefined;

  async start(): Promise<void> {
    this.context = await chromium.launchPersistentContext(join(this.home, 'profile'), {
      executablePath: findTool('chromium')!,
      headless: true,
      env: { ...process.env, HOME: this.home } as Record<string, string>,
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    });
  }

  /** Opens a file in a window of this size, and waits until the page has drawn itself. */
  async open(path: string, width = 1280, height = 900): Promise<OpenPage> {
    const page = await this.context!.newPage();
    const problems: string[] = [];
    const requests: string[] = [];
    await page.addInitScript(NOTE_FIRST_TILE);
    page.on('pageerror', (error) => problems.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') problems.push(message.text());
    });
    page.on('request', (request) => {
      if (!request.isNavigationRequest()) requests.push(request.url());
    });
    await page.setViewportSize({ width, height });
    await page.goto(`file://${path}`);
    await page.locator('[data-tile]').first().waitFor();
    return { page, problems, requests };
  }

  async stop(): Promise<void> {
    await this.context?.close();
    rmSync(this.home, { recursive: true, force: true });
  }
}
