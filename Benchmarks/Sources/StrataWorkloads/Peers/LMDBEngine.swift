#if Peers
  internal import BenchmarkKit
  internal import CLMDB
  internal import Strata

  /// LMDB as a log: one database whose keys are integers of the machine. What its documentation, which is
  /// `lmdb.h`, advises:
  ///
  /// - `MDB_INTEGERKEY`, and `MDB_APPEND`, which compares no keys and leaves pages full: `mdb_dbi_open`,
  ///   `mdb_put`.
  /// - One transaction a batch. Synced without any flag: the data by fdatasync, then the meta page. Not
  ///   synced with `MDB_WRITEMAP | MDB_NOSYNC`: the fastest; what was committed is in the mapping, and
  ///   survives the process: `mdb_env_open`.
  /// - A map that has room for everything: `mdb_env_set_mapsize`. The part that is not used takes no room.
  /// - One read transaction that is reset and renewed for each look-up: `mdb_txn_reset`.
  @safe
  final class LMDBEngine: LogEngine, @unchecked Sendable {
    // The environment is for all threads; a transaction begins and ends on one.
    private let environment: OpaquePointer
    private var database: MDB_dbi = 0
    private var reader: OpaquePointer?
    private var next = 0
    private var isOpen = true
    private let group = GroupCommit()

    static var version: String {
      var (major, minor, patch): (Int32, Int32, Int32) = (0, 0, 0)
      _ = unsafe mdb_version(&major, &minor, &patch)
      return "\(major).\(minor).\(patch)"
    }

    init(path: String, setting: EngineSetting) throws {
      var created: OpaquePointer?
      try LMDBEngine.check(unsafe mdb_env_create(&created), "mdb_env_create")
      unsafe environment = created!
      do throws(BenchmarkError) {
        // A page of 4 KiB holds at least three values of 1 KiB: a third of it, and the tree, may be lost.
        let size = max(64 << 20, 3 * setting.bytes) & ~0xFFFF
        try LMDBEngine.check(unsafe mdb_env_set_mapsize(environment, size), "mdb_env_set_mapsize")
        let flags = setting.isSynced ? 0 : MDB_WRITEMAP | MDB_NOSYNC
        try LMDBEngine.check(unsafe mdb_env_open(environment, path, UInt32(flags), 0o644), "mdb_env_open")
        let transaction = try unsafe beginWriting()
        try LMDBEngine.check(
          unsafe mdb_dbi_open(transaction, nil, UInt32(MDB_INTEGERKEY | MDB_CREATE), &database),
          "mdb_dbi_open")
        var statistics = MDB_stat()
        try LMDBEngine.check(unsafe mdb_stat(transaction, database, &statistics), "mdb_stat")
        next = statistics.ms_entries
        try LMDBEngine.check(unsafe mdb_txn_commit(transaction), "mdb_txn_commit")
      } catch {
        unsafe mdb_env_close(environment)
        throw error
      }
    }

    func append(_ values: Values, count: Int) throws {
      let transaction = try unsafe beginWriting()
      for _ in 0..<count { try unsafe put(next % Values.count, values, transaction) }
      try LMDBEngine.check(unsafe mdb_txn_commit(transaction), "mdb_txn_commit")
    }

    func append(one number: Int, of values: Values) throws {
      try group.append(number) { numbers throws(BenchmarkError) in
        let transaction = try unsafe beginWriting()
        for number in numbers { try unsafe put(number, values, transaction) }
        try LMDBEngine.check(unsafe mdb_txn_commit(transaction), "mdb_txn_commit")
      }
    }

    private func beginWriting() throws(BenchmarkError) -> OpaquePointer {
      var transaction: OpaquePointer?
      try LMDBEngine.check(unsafe mdb_txn_begin(environment, nil, 0, &transaction), "mdb_txn_begin")
      return unsafe transaction!
    }

    /// Puts the value behind the last one.
    @inline(__always)
    private func put(
      _ number: Int, _ values: Values, _ transaction: OpaquePointer
    ) throws(BenchmarkError) {
      let failure = unsafe values.value(number).withUnsafeBytes { bytes in
        unsafe withUnsafeMutablePointer(to: &next) { key in
          var key = unsafe MDB_val(mv_size: MemoryLayout<Int>.size, mv_data: key)
          // Only read from, whatever its type says.
          var value = unsafe MDB_val(
            mv_size: bytes.count, mv_data: UnsafeMutableRawPointer(mutating: bytes.baseAddress))
          return unsafe mdb_put(transaction, database, &key, &value, UInt32(MDB_APPEND))
        }
      }
      guard failure == 0 else {
        unsafe mdb_txn_abort(transaction)
        throw LMDBEngine.error(failure, "mdb_put")
      }
      next += 1
    }

    @inline(__always)
    func forEach(_ body: (Int, Span<UInt8>) -> Void) throws {
      try unsafe reading { transaction throws(BenchmarkError) in
        var opened: OpaquePointer?
        try LMDBEngine.check(unsafe mdb_cursor_open(transaction, database, &opened), "mdb_cursor_open")
        defer { unsafe mdb_cursor_close(opened) }
        var key = unsafe MDB_val()
        var value = unsafe MDB_val()
        var result = unsafe mdb_cursor_get(opened, &key, &value, MDB_FIRST)
        while result == 0 {
          unsafe body(key.mv_data.loadUnaligned(as: Int.self), span(value))
          result = unsafe mdb_cursor_get(opened, &key, &value, MDB_NEXT)
        }
        guard result == MDB_NOTFOUND else { throw LMDBEngine.error(result, "mdb_cursor_get") }
      }
    }

    func read(_ number: Int, _ body: (Span<UInt8>) -> Void) throws -> Bool {
      try unsafe reading { transaction throws(BenchmarkError) in
        var number = number
        var value = unsafe MDB_val()
        let result = unsafe withUnsafeMutablePointer(to: &number) { key in
          var key = unsafe MDB_val(mv_size: MemoryLayout<Int>.size, mv_data: key)
          return unsafe mdb_get(transaction, database, &key, &value)
        }
        guard result == 0 else {
          guard result == MDB_NOTFOUND else { throw LMDBEngine.error(result, "mdb_get") }
          return false
        }
        unsafe body(span(value))
        return true
      }
    }

    /// A read transaction that sees what is committed now.
    @inline(__always)
    private func reading<R>(
      _ body: (OpaquePointer) throws(BenchmarkError) -> R
    ) throws(BenchmarkError) -> R {
      if let reader = unsafe reader {
        try LMDBEngine.check(unsafe mdb_txn_renew(reader), "mdb_txn_renew")
      } else {
        try LMDBEngine.check(
          unsafe mdb_txn_begin(environment, nil, UInt32(MDB_RDONLY), &reader), "mdb_txn_begin")
      }
      defer { unsafe mdb_txn_reset(reader) }
      return try unsafe body(reader!)
    }

    /// The bytes of a value, which are there until the read transaction ends.
    @inline(__always)
    @_lifetime(borrow self)
    private func span(_ value: MDB_val) -> Span<UInt8> {
      let span = unsafe Span<UInt8>(
        _unsafeBytes: UnsafeRawBufferPointer(start: value.mv_data, count: value.mv_size))
      return unsafe _overrideLifetime(span, borrowing: self)
    }

    func settle() {}

    func close() throws {
      guard isOpen else { return }
      // Whoever works without syncs makes one in the end.
      try LMDBEngine.check(unsafe mdb_env_sync(environment, 1), "mdb_env_sync")
      release()
    }

    deinit { release() }

    private func release() {
      guard isOpen else { return }
      isOpen = false
      if let reader = unsafe reader { unsafe mdb_txn_abort(reader) }
      unsafe mdb_env_close(environment)
    }

    private static func check(_ result: Int32, _ call: String) throws(BenchmarkError) {
      guard result == 0 else { throw error(result, call) }
    }

    private static func error(_ number: Int32, _ call: String) -> BenchmarkError {
      BenchmarkError("LMDB: \(call): \(unsafe String(cString: mdb_strerror(number)))")
    }
  }
#endif
