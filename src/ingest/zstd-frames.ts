// Zstandard data is a sequence of frames, and some decoders stop silently after the first. Finding the frames lets each
// be decoded, and data after the last be refused. Source: RFC 8878, section 3.1.
//
// | part of a frame | bytes |
// |---|---|
// | magic 28 B5 2F FD | 4 |
// | descriptor: content size flag (bits 7–6), single segment (5), checksum (2), dictionary id flag (1–0) | 1 |
// | window, absent with single segment | 1 |
// | dictionary id | 0, 1, 2, 4 |
// | content size | 0 (1 with single segment), 2, 4, 8 |
// | blocks: header of last flag (bit 0), type (2–1), size (23–3), then the content, 1 byte for type 1 | 3 + n |
// | checksum, when flagged | 4 |

const MAGIC = 0xfd2fb528;
/** Skippable frames have any of sixteen magics and a four-byte length. */
const SKIPPABLE_MAGIC = 0x184d2a50;
const DICTIONARY_ID_BYTES = [0, 1, 2, 4];
const CONTENT_SIZE_BYTES = [0, 2, 4, 8];
const BLOCK_RLE = 1;
const BLOCK_RESERVED = 3;

/** The data frames in order, as views; undefined when the bytes are not whole frames. */
export function splitZstdFrames(bytes: Uint8Array): Uint8Array[] | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const frames: Uint8Array[] = [];
  let offset = 0;
  while (offset < bytes.length) {
    if (offset + 5 > bytes.length) return undefined;
    const magic = view.getUint32(offset, true);
    if ((magic & 0xfffffff0) >>> 0 === SKIPPABLE_MAGIC) {
      if (offset + 8 > bytes.length) return undefined;
      offset += 8 + view.getUint32(offset + 4, true);
      continue;
    }
    const end = magic === MAGIC ? frameEnd(view, offset + 4) : undefined;
    if (end === undefined || end > bytes.length) return undefined;
    frames.push(bytes.subarray(offset, end));
    offset = end;
  }
  return offset === bytes.length ? frames : undefined;
}

/** Where the frame whose descriptor is at `offset` ends; undefined when it is cut off. */
function frameEnd(view: DataView, offset: number): number | undefined {
  const descriptor = view.getUint8(offset);
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const sizeBytes = CONTENT_SIZE_BYTES[descriptor >> 6] as number;
  let at = offset + 1;
  at += isSingleSegment ? Math.max(1, sizeBytes) : 1 + sizeBytes;
  at += DICTIONARY_ID_BYTES[descriptor & 3] as number;
  for (;;) {
    if (at + 3 > view.byteLength) return undefined;
    const header = view.getUint16(at, true) | (view.getUint8(at + 2) << 16);
    const type = (header >> 1) & 3;
    if (type === BLOCK_RESERVED) return undefined;
    at += 3 + (type === BLOCK_RLE ? 1 : header >> 3);
    if ((header & 1) === 1) return at + ((descriptor & 4) === 0 ? 0 : 4);
  }
}
