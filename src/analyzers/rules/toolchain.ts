/** Debian’s build-essential is 166 MB with what it pulls in. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { buildsNoModules, packageRule } from '../package-rule.ts';

export const toolchain: RemovalRule = packageRule({
  id: 'toolchain',
  title: 'Compilers and build tools',
  safety: 'review',
  family: 'development',
  description:
    'gcc, g++, clang, make, binutils, cmake, rustc, golang and their metapackages, as far as nothing that stays requires them. Kept where DKMS or akmods have modules to build.',
  why: 'they build software, and an image carries what was built',
  names:
    /^(?:build-essential|build-base|base-devel|(?:gcc|g\+\+|cpp|gfortran|gnat|gdc|clang|llvm|lld|lldb|golang|rustc)(?:-\d[\d.]*)?(?:-(?:x86-64|aarch64|i686)-linux-gnu)?|gcc-c\+\+|gcc-gdb-plugin|cargo|golang-go|golang-src|golang-.*-(?:go|src)|make|dkms|automake.*|autoconf|autotools-dev|libtool|cmake(?:-data)?|meson|ninja-build|bison|flex|m4|pkg-config|pkgconf|pkgconf-pkg-config|binutils(?:-.*)?|dpkg-dev|fakeroot|rpm-build|patchutils|gdb|strace|ltrace|valgrind)$/,
  when: buildsNoModules,
});
