/**
 * A Packer template, whichever of the three languages it is written in (HCL2, HCL2 as JSON, legacy JSON): what it
 * builds from, with which provisioners in which order, and what it does with the result.
 */
import type { Place, SourceFile } from './text.ts';
import { member, type Value } from './value.ts';

export interface Setting {
  readonly name: string;
  /** Name and value. */
  readonly place: Place;
  readonly namePlace: Place;
  readonly value: Value;
}

/** A block of settings; in JSON an object. */
export class Block {
  readonly type: string;
  readonly labels: readonly string[];
  readonly place: Place;
  /** Its first line, which findings about what is missing point at. */
  readonly header: Place;
  readonly settings: readonly Setting[];
  readonly blocks: readonly Block[];

  constructor(made: {
    type: string;
    labels: readonly string[];
    place: Place;
    header: Place;
    settings: readonly Setting[];
    blocks: readonly Block[];
  }) {
    this.type = made.type;
    this.labels = made.labels;
    this.place = made.place;
    this.header = made.header;
    this.settings = made.settings;
    this.blocks = made.blocks;
  }

  setting(name: string): Setting | undefined {
    return this.settings.findLast((one) => one.name === name);
  }

  value(name: string): Value | undefined {
    return this.setting(name)?.value;
  }

  /** A setting of a nested block or object: `nested('qemu_img_args', 'convert')`. */
  nested(name: string, key: string): Value | undefined {
    const block = this.blocks.find((one) => one.type === name);
    return block?.value(key) ?? member(this.value(name), key);
  }
}

export interface Source {
  /** `qemu`, `amazon-ebs` … */
  readonly type: string;
  readonly name: string;
  readonly block: Block;
  /** Settings that the build adds to it. */
  readonly overrides: Block | null;
}

export interface Provisioner {
  readonly type: string;
  readonly block: Block;
}

export interface Build {
  readonly name: string | null;
  readonly place: Place;
  readonly header: Place;
  readonly sources: readonly Source[];
  /** The list of sources is not wholly known. */
  readonly hasDynamicSources: boolean;
  readonly provisioners: readonly Provisioner[];
  /** Each chain takes what the one before it in the chain made. */
  readonly postProcessors: readonly (readonly Block[])[];
}

export interface Plugin {
  readonly name: string;
  readonly place: Place;
  readonly version: Value | undefined;
}

export interface Variable {
  readonly name: string;
  readonly place: Place;
  /** Undefined: it must be given. */
  readonly value: Value | undefined;
  readonly isSensitive: boolean;
}

export interface Template {
  readonly language: 'hcl2' | 'legacy';
  readonly files: readonly SourceFile[];
  /** The folder that its relative paths start from. */
  readonly folder: string;
  readonly builds: readonly Build[];
  /** Sources that no build names too. */
  readonly sources: readonly Source[];
  readonly variables: readonly Variable[];
  readonly locals: readonly Setting[];
  /** What `required_plugins` declares; null without such a block. */
  readonly plugins: readonly Plugin[] | null;
}
