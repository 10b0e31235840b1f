/** bento and boxcutter carry much the same list. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { packageRule } from '../package-rule.ts';

export const workstationTools: RemovalRule = packageRule({
  id: 'workstation-tools',
  title: 'Helpers for people at a keyboard',
  safety: 'review',
  family: 'packages',
  description:
    'command-not-found, popularity-contest, os-prober, wireless and dial-up tools, crash reporters, spell checkers: what bento and others purge from images.',
  why: 'made for people who sit at the machine, or for hardware that virtual machines do not have',
  names:
    /^(?:command-not-found|python3-commandnotfound|popularity-contest|installation-report|laptop-detect|os-prober|friendly-recovery|ppp.*|pppoeconf|wireless-tools|wireless-regdb|wpasupplicant|landscape-common|landscape-client|apport.*|python3-apport|whoopsie.*|ubuntu-report|motd-news-config|tasksel(?:-data)?|discover.*|reportbug|python3-reportbug|dictionaries-common|ispell|aspell|iamerican|ibritish|ienglish-common|wamerican|emacsen-common|bluez|modemmanager|usbmuxd|avahi-daemon|acpi-support-base|eject|mutt|procmail|nano-tiny|telnet|inetutils-telnet|debian-faq|apt-listchanges|python3-debianbts|hddtemp|task-(?:english|.*-laptop|laptop))$/,
});
