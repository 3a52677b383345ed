#if Peers
  internal import BenchmarkKit
  internal import CSQLite
  internal import Strata

  /// SQLite as a log: one table, the number as its integer primary key, which is the row's own number
  /// (sqlite.org/rowidtable.html), so that there is no second index.
  ///
  /// - One transaction a batch, by statements that were prepared once: sqlite.org/faq.html#q19.
  /// - A write-ahead log, and `synchronous=FULL`, which syncs it at each commit; without a sync `OFF`, which
  ///   hands over to the kernel and goes on: sqlite.org/wal.html, sqlite.org/pragma.html#pragma_synchronous.
  /// - `locking_mode=EXCLUSIVE`, as nobody else opens it: no shared memory for the write-ahead log's index,
  ///   and no lock call for each transaction (sqlite.org/wal.html#noshm); and no mutex, as threads take turns
  ///   (sqlite.org/threadsafe.html).
  /// - Reads come from a mapping: sqlite.org/mmap.html.
  @safe
  final class SQLiteEngine: LogEngine, @unchecked Sendable {
    // One connection, which is used by one thread at a time: by its user, or by the leader of a group.
    private let database: OpaquePointer
    private let begin: OpaquePointer
    private let insert: OpaquePointer
    private let commit: OpaquePointer
    private let select: OpaquePointer
    private let selectAll: OpaquePointer
    private var next: Int
    private var isOpen = true
    private let group = GroupCommit()

    static var version: String { unsafe String(cString: sqlite3_libversion()) }

    init(path: String, setting: EngineSetting) throws {
      var opened: OpaquePointer?
      let flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX
      let failure = unsafe sqlite3_open_v2(path + "/log.sqlite", &opened, flags, nil)
      guard failure == SQLITE_OK, let database = unsafe opened else {
        let words = unsafe String(cString: sqlite3_errstr(failure))
        unsafe sqlite3_close_v2(opened)
        throw BenchmarkError("\(path): SQLite: \(words)")
      }
      unsafe self.database = database
      do {
        for pragma in [
          "locking_mode=EXCLUSIVE", "journal_mode=WAL", "synchronous=\(setting.isSynced ? "FULL" : "OFF")",
          "mmap_size=\(max(1 << 30, 4 * setting.bytes))",
        ] {
          try unsafe SQLiteEngine.run(database, "PRAGMA \(pragma)")
        }
        try unsafe SQLiteEngine.run(
          database, "CREATE TABLE IF NOT EXISTS log(number INTEGER PRIMARY KEY, value BLOB NOT NULL)")
        unsafe begin = try SQLiteEngine.prepare(database, "BEGIN")
        unsafe insert = try SQLiteEngine.prepare(database, "INSERT INTO log VALUES(?1, ?2)")
        unsafe commit = try SQLiteEngine.prepare(database, "COMMIT")
        unsafe select = try SQLiteEngine.prepare(database, "SELECT value FROM log WHERE number = ?1")
        unsafe selectAll = try SQLiteEngine.prepare(database, "SELECT number, value FROM log ORDER BY number")
        let last = try unsafe SQLiteEngine.prepare(database, "SELECT max(number) FROM log")
        defer { unsafe sqlite3_finalize(last) }
        guard unsafe sqlite3_step(last) == SQLITE_ROW else {
          throw unsafe SQLiteEngine.error(database, "max")
        }
        next =
          unsafe sqlite3_column_type(last, 0) == SQLITE_NULL ? 0 : Int(sqlite3_column_int64(last, 0)) + 1
      } catch {
        // What was prepared goes with it, once it is finalized; this process ends here.
        unsafe sqlite3_close_v2(database)
        throw error
      }
    }

    func append(_ values: Values, count: Int) throws {
      try unsafe step(begin, "BEGIN")
      for _ in 0..<count { try put(next % Values.count, values) }
      try unsafe step(commit, "COMMIT")
    }

    func append(one number: Int, of values: Values) throws {
      try group.append(number) { numbers throws(BenchmarkError) in
        try unsafe step(begin, "BEGIN")
        for number in numbers { try put(number, values) }
        try unsafe step(commit, "COMMIT")
      }
    }

    /// Inserts the value as the next row.
    private func put(_ number: Int, _ values: Values) throws(BenchmarkError) {
      let value = values.value(number)
      unsafe sqlite3_bind_int64(insert, 1, Int64(next))
      // No destructor: the value stays where it is until the statement has run.
      unsafe value.withUnsafeBytes { bytes in
        _ = unsafe sqlite3_bind_blob(insert, 2, bytes.baseAddress, Int32(bytes.count), nil)
      }
      try unsafe step(insert, "INSERT")
      next += 1
    }

    @inline(__always)
    func forEach(_ body: (Int, Span<UInt8>) -> Void) throws {
      defer { unsafe sqlite3_reset(selectAll) }
      while true {
        let result = unsafe sqlite3_step(selectAll)
        guard result == SQLITE_ROW else {
          guard result == SQLITE_DONE else { throw unsafe SQLiteEngine.error(database, "SELECT") }
          return
        }
        unsafe body(Int(sqlite3_column_int64(selectAll, 0)), value(selectAll, 1))
      }
    }

    func read(_ number: Int, _ body: (Span<UInt8>) -> Void) throws -> Bool {
      defer { unsafe sqlite3_reset(select) }
      unsafe sqlite3_bind_int64(select, 1, Int64(number))
      let result = unsafe sqlite3_step(select)
      guard result == SQLITE_ROW else {
        guard result == SQLITE_DONE else { throw unsafe SQLiteEngine.error(database, "SELECT") }
        return false
      }
      unsafe body(value(select, 0))
      return true
    }

    /// The bytes of a column, which are there until the statement's next step.
    @inline(__always)
    @_lifetime(borrow self)
    private func value(_ statement: OpaquePointer, _ column: Int32) -> Span<UInt8> {
      let count = unsafe Int(sqlite3_column_bytes(statement, column))
      let bytes = unsafe UnsafeRawBufferPointer(start: sqlite3_column_blob(statement, column), count: count)
      let span = unsafe Span<UInt8>(_unsafeBytes: bytes)
      return unsafe _overrideLifetime(span, borrowing: self)
    }

    /// Brings everything from the write-ahead log into the table.
    func settle() throws { try unsafe SQLiteEngine.run(database, "PRAGMA wal_checkpoint(TRUNCATE)") }

    func close() throws {
      guard isOpen else { return }
      isOpen = false
      let statements = unsafe [begin, insert, commit, select, selectAll]
      for place in unsafe statements.indices { unsafe sqlite3_finalize(statements[place]) }
      guard unsafe sqlite3_close(database) == SQLITE_OK else {
        throw unsafe SQLiteEngine.error(database, "close")
      }
    }

    deinit { try? close() }

    // MARK: Statements

    private func step(_ statement: OpaquePointer, _ words: String) throws(BenchmarkError) {
      let result = unsafe sqlite3_step(statement)
      unsafe sqlite3_reset(statement)
      guard result == SQLITE_DONE else { throw unsafe SQLiteEngine.error(database, words) }
    }

    private static func run(_ database: OpaquePointer, _ text: String) throws(BenchmarkError) {
      guard unsafe sqlite3_exec(database, text, nil, nil, nil) == SQLITE_OK else {
        throw unsafe error(database, text)
      }
    }

    private static func prepare(_ database: OpaquePointer, _ text: String) throws(BenchmarkError)
      -> OpaquePointer
    {
      var statement: OpaquePointer?
      let flags = UInt32(SQLITE_PREPARE_PERSISTENT)
      let failure = unsafe sqlite3_prepare_v3(database, text, -1, flags, &statement, nil)
      guard failure == SQLITE_OK, let statement = unsafe statement else { throw unsafe error(database, text) }
      return unsafe statement
    }

    private static func error(_ database: OpaquePointer, _ doing: String) -> BenchmarkError {
      BenchmarkError("SQLite: \(doing): \(unsafe String(cString: sqlite3_errmsg(database)))")
    }
  }
#endif
