// Iceberg names files by absolute location (s3://bucket/key); stores know only keys.

import { LakeError } from "#core";

/** Schemes that name an R2 or S3 bucket. */
const LOCATION = /^s3[an]?:\/\/([^/]+)\/(.+)$/;

/**
 * The key within `bucket` that a location names.
 *
 * Errors: `metadata_invalid` when the location is not in this bucket: reading it would need other credentials.
 */
export function locationToKey(location: string, bucket: string): string {
  const match = LOCATION.exec(location);
  if (match?.[1] !== bucket || match[2] === undefined) {
    throw new LakeError("metadata_invalid", `The location ${location} is outside the bucket ${bucket}.`, {
      context: { location, bucket },
    });
  }
  return match[2];
}

/** The location of a key, the inverse of {@link locationToKey}. */
export function keyToLocation(key: string, bucket: string): string {
  return `s3://${bucket}/${key}`;
}

/** Whether a location, of a file or a folder, is in the bucket. */
export function isInBucket(location: string, bucket: string): boolean {
  return LOCATION.exec(`${location}/`)?.[1] === bucket;
}
