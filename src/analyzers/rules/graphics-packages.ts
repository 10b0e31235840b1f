/** 112 MB for libllvm15 alone. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { packageRule } from '../package-rule.ts';

export const graphicsPackages: RemovalRule = packageRule({
  id: 'graphics-packages',
  title: 'Fonts, icons and graphics drivers',
  safety: 'review',
  family: 'packages',
  description:
    'fonts-*, icon themes, Mesa’s drivers and LLVM’s library for them, as far as nothing requires them: recommendations of recommendations on a machine without a screen.',
  why: 'a machine without a screen draws nothing',
  names:
    /^(?:fonts-.*|xfonts-.*|.*-icon-theme|libgl1-mesa-dri|mesa-(?:vulkan|va|vdpau|dri)-drivers|libllvm\d+|libgl1-amber-dri|libgtk-?[234].*-common|hicolor-icon-theme|dejavu-.*|x11-common|xdg-user-dirs|.*-backgrounds|desktop-base)$/,
  when: ({ graph }) =>
    graph.matching(/^(?:gdm3?|sddm|lightdm|xserver-xorg|xorg-x11-server-Xorg|gnome-shell)$/).length === 0,
});
