/** The part of seek-bzip that is used; it has no types of its own. */
declare module 'seek-bzip' {
  interface Input {
    /** -1 at the end. */
    readByte(): number;
    read(target: Uint8Array, offset: number, length: number): number;
    eof(): boolean;
  }
  interface Output {
    writeByte(byte: number): void;
    flush(): void;
  }
  const Bunzip: { decode(input: Input, output: Output, multistream: boolean): unknown };
  export default Bunzip;
}
