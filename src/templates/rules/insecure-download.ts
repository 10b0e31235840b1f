import { argument } from '../ansible.ts';
import { fetched, isNear, isVerifiedLater } from '../downloads.ts';
import { allCommands } from '../queries.ts';
import type { Found, LintRule } from '../rule.ts';
import type { Place } from '../text.ts';
import { itemsOf, toText } from '../value.ts';

const isPlainHttp = (url: string): boolean => /^(?:git\+)?http:\/\//i.test(url) && !isNear(url);

export const insecureDownload: LintRule = {
  id: 'insecure-download',
  title: 'A download that anybody on the way can change',
  severity: 'warning',
  why: 'What comes over http:// can be replaced on its way into every image that is built. Only a checksum or a signature that comes from elsewhere makes up for it.',
  fix: 'Use https://, or check the file against a checksum that stands in the template.',
  example: {
    language: 'shell',
    bad: '#!/bin/sh -e\ncurl -fsSLo /usr/local/bin/tool http://downloads.example.org/tool\n',
    good: '#!/bin/sh -e\ncurl -fsSLo /usr/local/bin/tool https://downloads.example.org/tool\n',
  },
  *check(project): Iterable<Found> {
    for (const one of allCommands(project)) {
      for (const { text, start, end } of fetched(one)) {
        if (!isPlainHttp(text) || isVerifiedLater(one)) continue;
        const place = one.script.place(start, end);
        if (place !== undefined) yield { place, message: 'fetches over http:// and checks nothing' };
      }
    }
    for (const playbook of project.playbooks) {
      for (const task of playbook.tasks) {
        if (!/^(?:get_url|unarchive|uri|yum|dnf|apt|pip|rpm_key)$/.test(task.module)) continue;
        for (const name of ['url', 'src', 'deb', 'name', 'key']) {
          const value = argument(task, name);
          if (value?.kind !== 'string' || !isPlainHttp(value.text.text)) continue;
          if (argument(task, 'checksum') === undefined)
            yield { place: value.place, message: 'fetches over http:// and checks nothing' };
        }
      }
    }
    for (const template of project.templates) {
      for (const { block } of template.sources) {
        const checksum = block.value('iso_checksum');
        const text = checksum === undefined ? '' : toText(checksum).text;
        if (checksum !== undefined && text.startsWith('file:') && isPlainHttp(text.slice(5))) {
          yield {
            place: checksum.place,
            message: 'the checksum itself comes over http://: whoever changes the image changes it too',
          };
        }
        // With a checksum in the template the way does not matter.
        if (text !== '' && text !== 'none') continue;
        for (const one of [...itemsOf(block.value('iso_url')), ...itemsOf(block.value('iso_urls'))]) {
          if (isPlainHttp(toText(one).text))
            yield { place: one.place, message: 'fetches over http:// and checks nothing' };
        }
      }
    }
    for (const seed of project.seeds) {
      for (const { url, place } of seed.addresses) if (isPlainHttp(url)) yield inSeed(place);
    }
  },
};

const inSeed = (place: Place): Found => ({ place, message: 'installs from http://', severity: 'info' });
