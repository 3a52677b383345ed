#if Peers
  internal import BenchmarkKit
  internal import CRocksDB
  internal import Strata
  internal import Synchronization

  /// RocksDB as a log: keys are the numbers, big-endian, so that they are in order. What its wiki advises:
  ///
  /// - One `WriteBatch` a batch, `sync` as asked, the write-ahead log always on; threads that write at the
  ///   same time share a sync by themselves: Basic-Operations, "Atomic Updates" and "Synchronous Writes".
  /// - No compression, as nobody else compresses here: Compression. Large write buffers, as for loading in
  ///   bulk: RocksDB-FAQ.
  /// - Blocks of 16 KiB, a cache that has room for everything, index blocks in it, dynamic level sizes, jobs
  ///   in the background for each processor, files synced little by little: Setup-Options-and-Basic-Tuning.
  /// - A scan that leaves the cache alone: Basic-Operations, "Cache". Checksums are verified: "Checksums".
  @safe
  final class RocksDBEngine: LogEngine, @unchecked Sendable {
    // The database is for all threads; the batch is for the one that appends batches.
    private let database: OpaquePointer
    private let writing: OpaquePointer
    private let scanning: OpaquePointer
    private let reading: OpaquePointer
    private let batch: OpaquePointer
    private let next: Atomic<Int>
    private var isOpen = true

    init(path: String, setting: EngineSetting) throws {
      let options = unsafe RocksDBEngine.options(setting)
      defer { unsafe rocksdb_options_destroy(options) }
      var message: UnsafeMutablePointer<CChar>?
      let opened = unsafe rocksdb_open(options, path, &message)
      try unsafe RocksDBEngine.check(message, "open")
      unsafe database = opened!
      unsafe writing = rocksdb_writeoptions_create()
      unsafe rocksdb_writeoptions_set_sync(writing, setting.isSynced ? 1 : 0)
      unsafe scanning = rocksdb_readoptions_create()
      unsafe rocksdb_readoptions_set_verify_checksums(scanning, 1)
      unsafe rocksdb_readoptions_set_fill_cache(scanning, 0)
      unsafe reading = rocksdb_readoptions_create()
      unsafe rocksdb_readoptions_set_verify_checksums(reading, 1)
      unsafe batch = rocksdb_writebatch_create()
      next = Atomic(unsafe RocksDBEngine.end(database, reading))
    }

    private static func options(_ setting: EngineSetting) -> OpaquePointer {
      let options = unsafe rocksdb_options_create()!
      unsafe rocksdb_options_set_create_if_missing(options, 1)
      unsafe rocksdb_options_set_compression(options, Int32(rocksdb_no_compression))
      unsafe rocksdb_options_set_write_buffer_size(options, 128 << 20)
      unsafe rocksdb_options_set_max_write_buffer_number(options, 4)
      unsafe rocksdb_options_increase_parallelism(options, 2)
      unsafe rocksdb_options_set_level_compaction_dynamic_level_bytes(options, 1)
      unsafe rocksdb_options_set_bytes_per_sync(options, 1 << 20)
      let table = unsafe rocksdb_block_based_options_create()
      unsafe rocksdb_block_based_options_set_block_size(table, 16 << 10)
      let cache = unsafe rocksdb_cache_create_lru(max(64 << 20, 2 * setting.bytes))
      unsafe rocksdb_block_based_options_set_block_cache(table, cache)
      unsafe rocksdb_block_based_options_set_cache_index_and_filter_blocks(table, 1)
      unsafe rocksdb_block_based_options_set_pin_l0_filter_and_index_blocks_in_cache(table, 1)
      unsafe rocksdb_options_set_block_based_table_factory(options, table)
      unsafe rocksdb_block_based_options_destroy(table)
      // The options hold on to it.
      unsafe rocksdb_cache_destroy(cache)
      return unsafe options
    }

    /// The number behind the last key.
    private static func end(_ database: OpaquePointer, _ reading: OpaquePointer) -> Int {
      let iterator = unsafe rocksdb_create_iterator(database, reading)
      defer { unsafe rocksdb_iter_destroy(iterator) }
      unsafe rocksdb_iter_seek_to_last(iterator)
      guard unsafe rocksdb_iter_valid(iterator) != 0 else { return 0 }
      return unsafe number(iterator) + 1
    }

    func append(_ values: Values, count: Int) throws {
      let first = next.load(ordering: .relaxed)
      unsafe rocksdb_writebatch_clear(batch)
      for number in first..<first + count {
        var key = UInt64(number).bigEndian
        unsafe values.value(number % Values.count).withUnsafeBytes { value in
          unsafe withUnsafeBytes(of: &key) { key in
            unsafe rocksdb_writebatch_put(
              batch, key.baseAddress, key.count, value.baseAddress, value.count)
          }
        }
      }
      var message: UnsafeMutablePointer<CChar>?
      unsafe rocksdb_write(database, writing, batch, &message)
      try unsafe RocksDBEngine.check(message, "write")
      next.store(first + count, ordering: .relaxed)
    }

    func append(one number: Int, of values: Values) throws {
      var key = UInt64(next.wrappingAdd(1, ordering: .relaxed).oldValue).bigEndian
      var message: UnsafeMutablePointer<CChar>?
      unsafe values.value(number).withUnsafeBytes { value in
        unsafe withUnsafeBytes(of: &key) { key in
          unsafe rocksdb_put(
            database, writing, key.baseAddress, key.count, value.baseAddress, value.count, &message)
        }
      }
      try unsafe RocksDBEngine.check(message, "put")
    }

    @inline(__always)
    func forEach(_ body: (Int, Span<UInt8>) -> Void) throws {
      let iterator = unsafe rocksdb_create_iterator(database, scanning)
      defer { unsafe rocksdb_iter_destroy(iterator) }
      unsafe rocksdb_iter_seek_to_first(iterator)
      while unsafe rocksdb_iter_valid(iterator) != 0 {
        var count = 0
        let bytes = unsafe rocksdb_iter_value(iterator, &count)
        unsafe body(RocksDBEngine.number(iterator), span(bytes, count))
        unsafe rocksdb_iter_next(iterator)
      }
      var message: UnsafeMutablePointer<CChar>?
      unsafe rocksdb_iter_get_error(iterator, &message)
      try unsafe RocksDBEngine.check(message, "iterate")
    }

    func read(_ number: Int, _ body: (Span<UInt8>) -> Void) throws -> Bool {
      var key = UInt64(number).bigEndian
      var message: UnsafeMutablePointer<CChar>?
      let found = unsafe withUnsafeBytes(of: &key) { key in
        unsafe rocksdb_get_pinned(database, reading, key.baseAddress, key.count, &message)
      }
      try unsafe RocksDBEngine.check(message, "get")
      guard let found = unsafe found else { return false }
      defer { unsafe rocksdb_pinnableslice_destroy(found) }
      var count = 0
      let bytes = unsafe rocksdb_pinnableslice_value(found, &count)
      unsafe body(span(bytes, count))
      return true
    }

    /// The key that the iterator is at.
    @inline(__always)
    private static func number(_ iterator: OpaquePointer?) -> Int {
      var count = 0
      guard let key = unsafe rocksdb_iter_key(iterator, &count), count == 8 else { return -1 }
      let number = unsafe UnsafeRawPointer(key).loadUnaligned(as: UInt64.self)
      return Int(UInt64(bigEndian: number))
    }

    /// The bytes of a value, which are there until the iterator moves or the slice is destroyed.
    @inline(__always)
    @_lifetime(borrow self)
    private func span(_ bytes: UnsafePointer<CChar>?, _ count: Int) -> Span<UInt8> {
      let span = unsafe Span<UInt8>(_unsafeBytes: UnsafeRawBufferPointer(start: bytes, count: count))
      return unsafe _overrideLifetime(span, borrowing: self)
    }

    /// Writes what is in memory into tables, as the others have theirs in files.
    func settle() throws {
      let options = unsafe rocksdb_flushoptions_create()
      defer { unsafe rocksdb_flushoptions_destroy(options) }
      unsafe rocksdb_flushoptions_set_wait(options, 1)
      var message: UnsafeMutablePointer<CChar>?
      unsafe rocksdb_flush(database, options, &message)
      try unsafe RocksDBEngine.check(message, "flush")
    }

    func close() throws { release() }

    deinit { release() }

    private func release() {
      guard isOpen else { return }
      isOpen = false
      unsafe rocksdb_writebatch_destroy(batch)
      unsafe rocksdb_readoptions_destroy(reading)
      unsafe rocksdb_readoptions_destroy(scanning)
      unsafe rocksdb_writeoptions_destroy(writing)
      unsafe rocksdb_close(database)
    }

    private static func check(_ message: UnsafeMutablePointer<CChar>?, _ doing: String) throws(BenchmarkError)
    {
      guard let message = unsafe message else { return }
      let words = unsafe String(cString: message)
      unsafe rocksdb_free(message)
      throw BenchmarkError("RocksDB: \(doing): \(words)")
    }
  }
#endif
