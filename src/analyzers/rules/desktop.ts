/** Gigabytes with what they pull in. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { packageRule } from '../package-rule.ts';

export const desktop: RemovalRule = packageRule({
  id: 'desktop',
  title: 'A desktop on a machine image',
  safety: 'risky',
  family: 'packages',
  description: 'Desktop tasks, display managers, X servers, browsers and office suites.',
  why: 'servers have no screen; look whether the image is for a virtual desktop',
  names:
    /^(?:task-.*desktop|ubuntu-desktop.*|kubuntu-desktop|xubuntu-desktop|lubuntu-desktop|gnome|gnome-shell|gnome-core|kde-plasma-desktop|kde-standard|plasma-desktop|xfce4|lxde|lxqt|cinnamon|mate-desktop-environment.*|xorg|xserver-xorg|xorg-x11-server-Xorg|lightdm|gdm3?|sddm|libreoffice|libreoffice-.*|firefox|firefox-esr|thunderbird|chromium|evolution)$/,
});
