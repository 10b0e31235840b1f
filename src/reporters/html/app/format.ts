/** Numbers for people, as imgopt's other outputs print them. */

export { formatShare, formatSize } from '../../../core/size.ts';

/** 31204 as `31,204`. */
export function formatCount(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ',');
}
