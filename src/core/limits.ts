/**
 * Every bound on memory, depth and count that a hostile or damaged artifact could push, with its reason.
 * A number that limits what an image may ask of us lives here, not beside its use.
 */

const KiB = 1024;
const MiB = 1024 * KiB;
const GiB = 1024 * MiB;

/** Head and tail of a file or volume that detection reads once: btrfs keeps its superblock at 64 KiB. */
export const PROBE_HEAD_BYTES = 128 * KiB;
/** VHD footer, VMDK footer and GPT backup header all lie within the last 64 KiB at 4096-byte sectors. */
export const PROBE_TAIL_BYTES = 64 * KiB;

/** Largest virtual disk that we accept: 64 TiB, VHDX's limit and above every format's practical one. */
export const MAX_VIRTUAL_SIZE = 64 * 1024 * GiB;

/** Images that open images (backing files, delta disks): qemu's own practical chains are far shorter. */
export const MAX_BACKING_DEPTH = 64;

/** Largest table of pointers that is held in memory at once (qcow2 L1, VMDK grain directory): as qemu, 32 MiB. */
export const MAX_POINTER_TABLE_BYTES = 32 * MiB;

/** Decoded clusters and table blocks that one image keeps cached. */
export const IMAGE_CACHE_BYTES = 32 * MiB;

/** One read of ours never asks for more than this at once; larger work is cut into pieces. */
export const MAX_READ_BYTES = 16 * MiB;

/** GPT: 128 entries of 128 bytes are usual; sfdisk accepts more, but not a megabyte of them. */
export const MAX_GPT_TABLE_BYTES = 1 * MiB;

/** Logical partitions in an extended partition's chain; Linux stops at 256 as well. */
export const MAX_LOGICAL_PARTITIONS = 256;

/** Text files that we read whole from inside an image (package databases): dpkg's status is 1 to 5 MiB. */
export const MAX_GUEST_FILE_BYTES = 256 * MiB;

/** Symbolic links followed for one path: Linux's MAXSYMLINKS. */
export const MAX_SYMLINKS = 40;

/** Depth of a directory tree; PATH_MAX of 4096 allows 2048 one-letter names. */
export const MAX_DIRECTORY_DEPTH = 4096;

/** Entries of all filesystems together: 57 bytes of columns each, so 64 Mi entries is a hard stop at 4 GiB. */
export const MAX_FILE_ENTRIES = 64 * 1024 * 1024;

/** Diagnostics kept per code; the rest are counted, so that a shredded image does not flood the report. */
export const MAX_DIAGNOSTICS_PER_CODE = 20;
