/**
 * Every bound on memory, depth and count that a hostile or damaged artifact could push, with its reason.
 * A number that limits what an image may ask of us lives here, not beside its use.
 */

const KiB = 1024;
const MiB = 1024 * KiB;
const GiB = 1024 * MiB;

/** Head and tail of a file or volume that detection reads once: btrfs keeps its superblock at 64 KiB. */
export const PROBE_HEAD_BYTES = 128 * KiB;
/** VHD footer, VMDK footer and GPT backup header lie within the last 64 KiB, MD's oldest superblock within 128. */
export const PROBE_TAIL_BYTES = 128 * KiB;

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

/** VMDK descriptor, embedded or a file of its own: as qemu, 1 MiB; real ones are under 20 KiB. */
export const MAX_VMDK_DESCRIPTOR_BYTES = 1 * MiB;

/** Extents of one VMDK: 8 TiB, VMware's hosted limit, in pieces of 2 GiB. Each costs an open file. */
export const MAX_VMDK_EXTENTS = 4096;

/** VMDK grain: as qemu, 1 GiB; VMware and everybody else write 64 KiB. */
export const MAX_VMDK_GRAIN_BYTES = 1 * GiB;

/** Compressed VMDK grain, which is decoded whole in memory, many at once: 64 KiB is usual. */
export const MAX_VMDK_COMPRESSED_GRAIN_BYTES = 4 * MiB;

/** Places of compressed VMDK grains held sorted, over all extents: half a TiB of data at 64 KiB, 32 MiB of memory. */
export const MAX_VMDK_SORTED_GRAINS = 8 * 1024 * 1024;

/** Members of one archive (tar, cpio, all layers of an image): a system of a million files twice over, half a KB of memory each. */
export const MAX_ARCHIVE_MEMBERS = 2 * 1024 * 1024;

/** Longest name of an archive's member that is looked at: PATH_MAX, as the kernel would refuse a longer one. */
export const MAX_ARCHIVE_NAME_BYTES = 4096;

/** A pax header of one member, or a GNU long name: real ones hold names and attributes, a few KiB. */
export const MAX_TAR_EXTENSION_BYTES = 1 * MiB;

/** Stretches of one sparse member of a tar: 1 TiB in pieces of 1 MiB, and 16 bytes each. */
export const MAX_TAR_SPARSE_RUNS = 1024 * 1024;

/** Disks of one container (OVA, Vagrant box): as many as SCSI controllers of one machine hold. */
export const MAX_CONTAINER_DISKS = 64;

/** Members of a container of disks; an archive with more is a system's files. Real ones have 3 to 30. */
export const MAX_CONTAINER_MEMBERS = 4096;

/** Text that describes a container (OVF, manifest, metadata.json, OCI's index): real ones are under 100 KiB. */
export const MAX_CONTAINER_TEXT_BYTES = 4 * MiB;

/** Elements of an OVF inside each other; real ones reach 8. */
export const MAX_OVF_DEPTH = 64;

/** Layers of one container image: Docker itself stops at 127. */
export const MAX_IMAGE_LAYERS = 512;

/** Indexes of an OCI layout that refer to each other: one per platform inside of the outermost. */
export const MAX_OCI_INDEX_DEPTH = 4;

/** Archives one after another in an initramfs: microcode, the system itself, and what a boot loader appends. */
export const MAX_CPIO_SEGMENTS = 256;

/** GPT: 128 entries of 128 bytes are usual; sfdisk accepts more, but not a megabyte of them. */
export const MAX_GPT_TABLE_BYTES = 1 * MiB;

/** Logical partitions in an extended partition's chain; Linux stops at 256 as well. */
export const MAX_LOGICAL_PARTITIONS = 256;

/** Volume systems inside volumes: a partition table in a logical volume on an array in a partition is four. */
export const MAX_VOLUME_DEPTH = 5;

/** LVM: metadata areas of one physical volume; pvcreate makes at most two. */
export const MAX_LVM_AREAS = 8;

/** LVM: one copy of the metadata's text. Areas of 1 MiB are usual; a volume takes about a kilobyte. */
export const MAX_LVM_TEXT_BYTES = 16 * MiB;

/** LVM: sections within sections of that text; real ones reach 4. */
export const MAX_LVM_TEXT_DEPTH = 32;

/** LVM: stripes over all segments of a group, whose places are held sorted; vgcreate's own limits are far below. */
export const MAX_LVM_STRIPES = 1024 * 1024;

/** LVM: logical volumes below a logical volume (an image of a mirror of a pool's data of a cache). */
export const MAX_LVM_LAYERS = 16;

/** LVM's thin pools: nodes of mapping trees that are read, 4 KiB each; one maps up to 253 blocks, so 16 TiB in 64 KiB. */
export const MAX_THIN_NODES = 1024 * 1024;

/** LVM's thin pools: levels of one tree; 253 entries a node make 6 enough for any 48-bit number of blocks. */
export const MAX_THIN_DEPTH = 16;

/** LVM's thin pools: blocks of data, a byte of memory each: 8 TiB in the smallest, of 64 KiB. */
export const MAX_THIN_BLOCKS = 128 * 1024 * 1024;

/** VHDX: log held in memory while it is replayed; Hyper-V and qemu make 1 MiB. */
export const MAX_VHDX_LOG_BYTES = 64 * MiB;

/** VHDX: checksums made while looking for log entries, in lengths of the log: what is stale overlaps what is not. */
export const MAX_VHDX_LOG_PASSES = 8;

/** VHDX: stretches of zeros in one log; each is laid over all the others. */
export const MAX_VHDX_LOG_ZEROS = 4096;

/** VHDX: the parent locator's keys and values; five are defined. */
export const MAX_VHDX_LOCATORS = 64;

/** Blocks of a file on a web server that are kept: the metadata of a system of a million files. */
export const HTTP_CACHE_BYTES = 64 * MiB;

/** Tries of one request to a web server before it is given up; with growing pauses, some 8 seconds. */
export const MAX_HTTP_ATTEMPTS = 6;

/** Redirects followed for one request: curl's default is 50, browsers stop at 20, real ones are under 5. */
export const MAX_HTTP_REDIRECTS = 10;

/** Longest that a server may ask to wait before the next try. */
export const MAX_HTTP_WAIT_MS = 60_000;

/** MD: members of one array with the newer superblocks (md_p.h: 4 KiB of superblock hold 1,920 roles). */
export const MAX_MD_DEVICES = 1920;

/** Text files that we read whole from inside an image (package databases): dpkg's status is 1 to 5 MiB. */
export const MAX_GUEST_FILE_BYTES = 256 * MiB;

/** Files that one package database reads whole at once: the lists of 5,000 packages are 60 MiB. */
export const MAX_GUEST_FILES_BYTES = 256 * MiB;

/** /etc/fstab: a line per filesystem. */
export const MAX_FSTAB_BYTES = 1 * MiB;

/** Subvolumes of one family whose fstab is read to find the root among them: dozens of snapshots are kept at most. */
export const MAX_ROOT_FSTABS = 64;

/** Symbolic links followed for one path: Linux's MAXSYMLINKS. */
export const MAX_SYMLINKS = 40;

/** Blocks read one by one after a large read failed, before large pieces are given up: seconds, not minutes. */
export const MAX_REREAD_BLOCKS = 16384;

/** Template, script or playbook that lint reads: real ones are under 200 KiB; a parser's tree takes 100 times that. */
export const MAX_TEMPLATE_BYTES = 2 * MiB;

/** Constructs inside each other in a template or script: deeper ones are generated, and our passes recurse. */
export const MAX_SYNTAX_DEPTH = 200;

/** Nodes of one syntax tree: a script of 2 MiB has a million; a smaller one with more is made to hurt. */
export const MAX_SYNTAX_NODES = 2_000_000;

/** Text and list items that evaluating one template may make: `for` in `for` multiplies. */
export const MAX_EVALUATED_ITEMS = 100_000;
export const MAX_EVALUATED_TEXT = 4 * MiB;

/** Variables and locals that refer to each other; a chain that long is a cycle in all but name. */
export const MAX_REFERENCE_DEPTH = 64;

/** Files that call files: playbooks that import playbooks, tasks that include tasks. */
export const MAX_INCLUDE_DEPTH = 16;

/** Files of one lint run: the largest public template repositories have under 1,000. */
export const MAX_LINT_FILES = 20_000;

/** Entries of folders that a lint run looks through for templates. */
export const MAX_LINT_ENTRIES = 200_000;

/** Extents held at once when files are located on disk, 40 bytes each: a file of a terabyte in 256 KiB pieces. */
export const MAX_FILE_EXTENTS = 4 * 1024 * 1024;

/** Index blocks (extent nodes, indirect blocks) read at once, 150 bytes of bookkeeping each: 4 TiB of ext2 files. */
export const MAX_FILE_INDEX_BLOCKS = 1024 * 1024;

/** Depth of a directory tree; PATH_MAX of 4096 allows 2048 one-letter names. */
export const MAX_DIRECTORY_DEPTH = 4096;

/** Entries of all filesystems together: 57 bytes of columns each, so 64 Mi entries is a hard stop at 4 GiB. */
export const MAX_FILE_ENTRIES = 64 * 1024 * 1024;

/** Diagnostics kept per code; the rest are counted, so that a shredded image does not flood the report. */
export const MAX_DIAGNOSTICS_PER_CODE = 20;

/** Packages of one database: the whole of Debian is 70,000, and a record costs a kilobyte. */
export const MAX_PACKAGES = 250_000;

/** Index entries and data bytes of one rpm header: rpm's own HEADER_TAGS_MAX and HEADER_DATA_MAX. */
export const MAX_RPM_HEADER_ENTRIES = 0xffff;
export const MAX_RPM_HEADER_DATA_BYTES = 0x0fffffff;

/** Parentheses inside each other in one of rpm's rich dependencies; real ones reach 3. */
export const MAX_RICH_DEPENDENCY_DEPTH = 32;

/** Rows of dnf's history that are read: every package of every transaction ever; a decade of updates is 100,000. */
export const MAX_HISTORY_ROWS = 4_000_000;

/** Directories that one search for a language's packages opens (nested node_modules are thousands). */
export const MAX_SOFTWARE_DIRECTORIES = 500_000;

/** FAT: clusters of one volume, 4 bytes each in memory. 2 TiB (all that FAT32 can name at 512-byte sectors) in 16 KiB clusters. */
export const MAX_FAT_CLUSTERS = 128 * 1024 * 1024;

/** FAT: a directory holds at most 65,536 entries of 32 bytes (fatgen103). */
export const MAX_FAT_DIRECTORY_BYTES = 2 * MiB;

/**
 * XFS: allocation groups of one filesystem, two hundred bytes each; a cloud image of 1 GiB that was grown to 64 TiB
 * keeps its groups of 256 MiB, which makes 262,144.
 */
export const MAX_XFS_GROUPS = 512 * 1024;

/** XFS: blocks of fragmented directories held until their last piece is read: 4,096 of the largest, of 64 KiB. */
export const MAX_PENDING_DIRECTORY_BYTES = 256 * MiB;

/** btrfs: devices of one filesystem, whose superblocks are looked for one behind the other. Real ones have up to a few dozen. */
export const MAX_BTRFS_DEVICES = 1024;

/** btrfs: chunks of one filesystem, 300 bytes each; they are of 1 GiB or a tenth of the filesystem, so this is 250 TiB. */
export const MAX_BTRFS_CHUNKS = 256 * 1024;

/** btrfs: nodes of the trees of one walk, 300 bytes of bookkeeping each: 16 GiB of metadata in nodes of 16 KiB. */
export const MAX_BTRFS_NODES = 1024 * 1024;

/** btrfs: subvolumes and snapshots of one filesystem; snapper keeps a hundred, container stores some thousand. */
export const MAX_BTRFS_SUBVOLUMES = 256 * 1024;

/** btrfs: members of all distinct sets of subvolumes that share something, 16 bytes each; a thousand snapshots of a system make a million. */
export const MAX_BTRFS_OWNERS = 16 * 1024 * 1024;

/** btrfs: file extents in distinct leaves, whose places are held sorted, 20 bytes each: 4 TiB in extents of 128 KiB. */
export const MAX_BTRFS_EXTENTS = 32 * 1024 * 1024;

/** btrfs: files whose checksums or maps are looked up keep nodes of trees in memory. */
export const BTRFS_NODE_CACHE_BYTES = 16 * MiB;

/** btrfs: what one compressed extent holds (BTRFS_MAX_UNCOMPRESSED); it is decoded whole. */
export const MAX_BTRFS_COMPRESSED_BYTES = 128 * KiB;

/** squashfs: one table (inodes, directories), decoded and held whole: 100 bytes a file, five million files. */
export const MAX_SQUASHFS_TABLE_BYTES = 512 * MiB;

/** squashfs: entries of one tree; a small image of nothing but names can claim any number. */
export const MAX_SQUASHFS_ENTRIES = 16 * 1024 * 1024;

/** EROFS: entries of one tree; compressed directories of nothing but names can claim any number. */
export const MAX_EROFS_ENTRIES = 16 * 1024 * 1024;

/** EROFS: compressed directories, decoded, of one filesystem; 20 bytes a file. */
export const MAX_EROFS_DIRECTORY_BYTES = 512 * MiB;

/** EROFS: the map of one file, held whole: 8 bytes a block at most, a file of 128 GiB. */
export const MAX_EROFS_INDEX_BYTES = 256 * MiB;

/** NTFS: file records of one volume; the bitmap of those in use is held whole, 32 MiB. Windows Server has a million. */
export const MAX_NTFS_RECORDS = 256 * 1024 * 1024;

/** NTFS: one file's attribute list: 256 KiB in Windows' own implementation. */
export const MAX_NTFS_LIST_BYTES = 256 * KiB;

/** NTFS: damaged file records after which a scan gives up: a table of nothing else is none. */
export const MAX_NTFS_DAMAGED_RECORDS = 1024 * 1024;

/** NTFS: a compression unit, decoded whole: 16 clusters of at most 4 KiB in all that writes them. */
export const MAX_NTFS_COMPRESSION_UNIT_BYTES = 1 * MiB;

/** NTFS: compression units of one file, 2 bytes each in memory: a terabyte in units of 64 KiB. */
export const MAX_NTFS_COMPRESSION_UNITS = 16 * 1024 * 1024;

/** NTFS: stretches of unused clusters, 16 bytes each: a terabyte of which every other 64 KiB are in use. */
export const MAX_NTFS_UNUSED_EXTENTS = 8 * 1024 * 1024;

/** NTFS: index of the root directory that is looked through for hiberfil.sys; real ones are a few blocks. */
export const MAX_NTFS_ROOT_INDEX_BYTES = 16 * MiB;

/** NTFS: a reparse point's data: 16 KiB by its specification. */
export const MAX_REPARSE_BYTES = 16 * KiB;

/** A zstd window that is decoded without being asked for: as `zstd -d`, 128 MiB. */
export const DEFAULT_ZSTD_WINDOW_LOG = 27;

/** Largest zstd window that can be asked for: 2 GiB, the reference decoder's limit. */
export const MAX_ZSTD_WINDOW_LOG = 31;

/** A zstd frame up to this content size is decoded whole in memory, several at once; larger ones are streamed. */
export const MAX_WHOLE_FRAME_BYTES = 32 * MiB;

/** Frames of one zstd file whose places are kept for random access: 16 bytes each, 64 TiB in frames of 4 MiB. */
export const MAX_ZSTD_FRAMES = 16 * 1024 * 1024;

/** Decoded frames that a compressed source keeps. */
export const FRAME_CACHE_BYTES = 64 * MiB;

/** Stretches of zeros remembered of a decompressed file, 16 bytes each: a disk of 64 GiB with every other 64 KiB zero. */
export const MAX_SPOOL_ZERO_RUNS = 512 * 1024;

/** Text that a rule reads as evidence (grub.cfg, shadow, sources.list): real ones are under 100 KiB. */
export const MAX_RULE_TEXT_BYTES = 4 * MiB;

/** A zstd frame up to this content size is decoded to read a part of it: imgopt's own with --long 27 are 128 MiB. */
export const MAX_RANDOM_ACCESS_FRAME_BYTES = 128 * MiB;

/** A manifest (package list, SBOM, saved report), read whole: syft's of a large image is 100 MB, and JSON costs five times its text. */
export const MAX_MANIFEST_BYTES = 256 * MiB;

/** imgopt.yml: real ones are a few KiB; of this size even a hostile one is parsed within seconds. */
export const MAX_CONFIG_BYTES = 256 * KiB;

/** Mappings and lists inside each other in imgopt.yml; its schema needs fewer than ten. */
export const MAX_CONFIG_DEPTH = 64;

/** Values of imgopt.yml, what aliases repeat counted every time. */
export const MAX_CONFIG_NODES = 50_000;

/** A line of a package list, which patterns run over: dpkg cuts descriptions at 80 columns, and nobody's are 4 KiB. */
export const MAX_LIST_LINE_CHARACTERS = 4096;

/** Builds of one packer-manifest.json, which grows by one a build; and files of one build. */
export const MAX_PACKER_BUILDS = 100_000;

/** A recorded baseline: a line per package and per large file; a full desktop's is under 1 MiB. */
export const MAX_BASELINE_BYTES = 16 * MiB;

/** A history file: 5 KiB a build, so years of builds. */
export const MAX_HISTORY_BYTES = 64 * MiB;

/** A file that could be a Packer template, when one is looked for: real ones are under 100 KiB. */
export const MAX_TEMPLATE_PROBE_BYTES = 4 * MiB;

/** Files of one size whose content is compared at once: a piece of 64 KiB of each is 256 MiB. */
export const MAX_COMPARED_FILES = 4096;

/** Levels of a saved report's formatDetails: a container's disks, their formats and extents are 6. */
export const MAX_DETAILS_DEPTH = 32;
