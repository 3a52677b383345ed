// The codecs' own libraries, with nothing around them: contexts made once, one call a block, and the
// settings that Strata's batches are written with.
#include "bare_codecs.h"

#include <libdeflate.h>
#include <lz4frame.h>
#include <snappy-c.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

enum { GZIP = 1, SNAPPY = 2, LZ4 = 3, ZSTD = 4, SNAPPY_BLOCK = 32 << 10 };

struct bare_codec {
  int32_t codec, level;
  struct libdeflate_compressor *gzip_out;
  struct libdeflate_decompressor *gzip_in;
  LZ4F_cctx *lz4_out;
  LZ4F_dctx *lz4_in;
  ZSTD_CCtx *zstd_out;
  ZSTD_DCtx *zstd_in;
};

static LZ4F_preferences_t preferences(const struct bare_codec *self) {
  LZ4F_preferences_t result;
  memset(&result, 0, sizeof result);
  result.frameInfo.blockSizeID = LZ4F_max64KB;
  result.frameInfo.blockMode = LZ4F_blockIndependent;
  result.compressionLevel = self->level;
  result.autoFlush = 1;
  return result;
}

void *bare_codec_open(int32_t codec, int32_t level) {
  struct bare_codec *self = calloc(1, sizeof *self);
  if (self == NULL) return NULL;
  self->codec = codec;
  self->level = level;
  switch (codec) {
    case GZIP:
      self->gzip_out = libdeflate_alloc_compressor(level);
      self->gzip_in = libdeflate_alloc_decompressor();
      break;
    case SNAPPY: break;
    case LZ4:
      LZ4F_createCompressionContext(&self->lz4_out, LZ4F_VERSION);
      LZ4F_createDecompressionContext(&self->lz4_in, LZ4F_VERSION);
      break;
    case ZSTD:
      self->zstd_out = ZSTD_createCCtx();
      self->zstd_in = ZSTD_createDCtx();
      break;
    default: free(self); return NULL;
  }
  return self;
}

void bare_codec_close(void *codec) {
  struct bare_codec *self = codec;
  if (self->gzip_out) libdeflate_free_compressor(self->gzip_out);
  if (self->gzip_in) libdeflate_free_decompressor(self->gzip_in);
  LZ4F_freeCompressionContext(self->lz4_out);
  LZ4F_freeDecompressionContext(self->lz4_in);
  ZSTD_freeCCtx(self->zstd_out);
  ZSTD_freeDCtx(self->zstd_in);
  free(self);
}

size_t bare_codec_bound(void *codec, size_t count) {
  struct bare_codec *self = codec;
  switch (self->codec) {
    case GZIP: return libdeflate_gzip_compress_bound(self->gzip_out, count);
    case SNAPPY: return (count / SNAPPY_BLOCK + 1) * (4 + snappy_max_compressed_length(SNAPPY_BLOCK));
    case LZ4: {
      LZ4F_preferences_t p = preferences(self);
      return LZ4F_HEADER_SIZE_MAX + LZ4F_compressBound(count, &p);
    }
    default: return ZSTD_compressBound(count);
  }
}

// Blocks of 32 KiB with their length before each, as snappy-java has them, without its header.
static size_t snappy_out(const char *source, size_t count, char *target, size_t room) {
  size_t written = 0;
  for (size_t start = 0; start < count; start += SNAPPY_BLOCK) {
    size_t block = count - start < SNAPPY_BLOCK ? count - start : SNAPPY_BLOCK;
    if (room - written < 4 + snappy_max_compressed_length(block)) return 0;
    size_t length = room - written - 4;
    if (snappy_compress(source + start, block, target + written + 4, &length) != SNAPPY_OK) return 0;
    uint32_t small = (uint32_t)length;
    memcpy(target + written, &small, 4);
    written += 4 + length;
  }
  return written;
}

static size_t snappy_in(const char *source, size_t count, char *target, size_t room) {
  size_t read = 0, written = 0;
  while (count - read >= 4) {
    uint32_t length;
    memcpy(&length, source + read, 4);
    read += 4;
    if (length > count - read) return 0;
    size_t block = room - written;
    if (snappy_uncompress(source + read, length, target + written, &block) != SNAPPY_OK) return 0;
    read += length;
    written += block;
  }
  return written;
}

static size_t lz4_out(struct bare_codec *self, const void *source, size_t count, char *target, size_t room) {
  LZ4F_preferences_t p = preferences(self);
  size_t written = LZ4F_compressBegin(self->lz4_out, target, room, &p);
  if (LZ4F_isError(written)) return 0;
  size_t result = LZ4F_compressUpdate(
      self->lz4_out, target + written, room - written, source, count, NULL);
  if (LZ4F_isError(result)) return 0;
  written += result;
  result = LZ4F_compressEnd(self->lz4_out, target + written, room - written, NULL);
  return LZ4F_isError(result) ? 0 : written + result;
}

size_t bare_codec_compress(void *codec, const void *source, size_t count, void *target, size_t room) {
  struct bare_codec *self = codec;
  size_t result;
  switch (self->codec) {
    case GZIP: return libdeflate_gzip_compress(self->gzip_out, source, count, target, room);
    case SNAPPY: return snappy_out(source, count, target, room);
    case LZ4: return lz4_out(self, source, count, target, room);
    default:
      result = ZSTD_compressCCtx(self->zstd_out, target, room, source, count, self->level);
      return ZSTD_isError(result) ? 0 : result;
  }
}

size_t bare_codec_decompress(void *codec, const void *source, size_t count, void *target, size_t room) {
  struct bare_codec *self = codec;
  size_t result;
  switch (self->codec) {
    case GZIP:
      if (libdeflate_gzip_decompress(self->gzip_in, source, count, target, room, &result) != 0) return 0;
      return result;
    case SNAPPY: return snappy_in(source, count, target, room);
    case LZ4: {
      size_t written = room, read = count;
      result = LZ4F_decompress(self->lz4_in, target, &written, source, &read, NULL);
      if (result != 0) {
        LZ4F_resetDecompressionContext(self->lz4_in);
        return 0;
      }
      return written;
    }
    default:
      result = ZSTD_decompressDCtx(self->zstd_in, target, room, source, count);
      return ZSTD_isError(result) ? 0 : result;
  }
}
