#pragma once
#include <stddef.h>
#include <stdint.h>

/// A codec by the number that it has in a batch (1 gzip, 2 snappy, 3 lz4, 4 zstd), with its contexts made
/// once; NULL where there is none of that number.
void *bare_codec_open(int32_t codec, int32_t level);
void bare_codec_close(void *codec);

/// The room that compressing `count` bytes may need.
size_t bare_codec_bound(void *codec, size_t count);

/// Both return the bytes that were written, 0 where the library failed.
size_t bare_codec_compress(void *codec, const void *source, size_t count, void *target, size_t room);
size_t bare_codec_decompress(void *codec, const void *source, size_t count, void *target, size_t room);
