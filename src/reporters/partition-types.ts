/**
 * Names of partition types, for people: what `sfdisk -l` prints for the types that machine images carry.
 * GUIDs: UEFI specification 2.10, table 5-8, and the Discoverable Partitions Specification.
 */
const NAMES: Record<string, string> = {
  'c12a7328-f81f-11d2-ba4b-00a0c93ec93b': 'EFI System',
  '21686148-6449-6e6f-744e-656564454649': 'BIOS boot',
  '9e1a2d38-c612-4316-aa26-8b49521e5a8b': 'PowerPC PReP boot',
  '0fc63daf-8483-4772-8e79-3d69d8477de4': 'Linux filesystem',
  '0657fd6d-a4ab-43c4-84e5-0933c84b4f4f': 'Linux swap',
  'e6d6d379-f507-44c2-a23c-238f2a3df928': 'Linux LVM',
  'a19d880f-05fc-4d3b-a006-743f0f84911e': 'Linux RAID',
  'bc13c2ff-59e6-4262-a352-b275fd6f7172': 'Linux extended boot',
  '44479540-f297-41b2-9af7-d131d5f0458a': 'Linux root (x86)',
  '4f68bce3-e8cd-4db1-96e7-fbcaf984b709': 'Linux root (x86-64)',
  'b921b045-1df0-41c3-af44-4c6f280d3fae': 'Linux root (ARM-64)',
  '933ac7e1-2eb4-4f13-b844-0e14e2aef915': 'Linux home',
  'e3c9e316-0b5c-4db8-817d-f92df00215ae': 'Microsoft reserved',
  'ebd0a0a2-b9e5-4433-87c0-68b6b72699c7': 'Microsoft basic data',
  'de94bba4-06d1-4d40-a16a-bfd50179d6ac': 'Windows recovery',
  '0x05': 'Extended',
  '0x0f': 'W95 Ext’d (LBA)',
  '0x07': 'HPFS/NTFS/exFAT',
  '0x0b': 'W95 FAT32',
  '0x0c': 'W95 FAT32 (LBA)',
  '0x82': 'Linux swap',
  '0x83': 'Linux',
  '0x85': 'Linux extended',
  '0x8e': 'Linux LVM',
  '0xee': 'GPT protective',
  '0xef': 'EFI System',
  '0xfd': 'Linux RAID',
};

/** The type's name, or the type itself. */
export function partitionTypeName(type: string): string {
  return NAMES[type.toLowerCase()] ?? type;
}
