import Foundation
import Strata
import StrataIO
import StrataRecords
import Testing

/// What users and machines get wrong: always a typed error with the place, and nothing lost.
@Suite struct BadInputTests {
  @Test func aFileWhereTheFolderShouldBe() throws {
    let scratch = Scratch()
    try write([1, 2, 3], to: scratch("file"))
    #expect(code { _ = try Log.open(scratch("file")) } == .notADirectory)
    #expect(code { _ = try Log.open(scratch("file"), access: .readOnly) } == .notADirectory)
    #expect(code { _ = try Log.open(scratch("file/below")) } == .notADirectory)
    #expect(try contents(scratch("file")) == [1, 2, 3])
  }

  @Test func aFolderThatIsNoLogCannotBeRead() throws {
    let scratch = Scratch()
    #expect(code { _ = try Log.open(scratch("nothing"), access: .readOnly) } == .notFound)
    #expect(code { _ = try Log.open(scratch.path, access: .readOnly) } == .notFound)
    #expect(!FileManager.default.fileExists(atPath: scratch("nothing")))
  }

  @Test func aFolderThatCannotBeWritten() throws {
    // Nobody creates folders here, not even the superuser.
    let error = #expect(throws: LogError.self) { _ = try Log.open("/proc/strata/log") }
    #expect(error.map { [.permissionDenied, .notFound, .io].contains($0.code) } == true)
    #expect(error?.path.hasPrefix("/proc") == true)
  }

  @Test func aLogIsOpenedForWritingOnce() throws {
    let scratch = Scratch()
    let log = try Log.open(scratch("log"))
    let error = #expect(throws: LogError.self) { _ = try Log.open(scratch("log")) }
    #expect(error?.code == .locked)
    #expect(
      error?.detail.contains("process \(ProcessInfo.processInfo.processIdentifier)") == true, "\(error!)")
    #expect(error?.path.hasPrefix(scratch("log")) == true)
    try log.append(Record(value: "still mine"))
    let reader = try Log.open(scratch("log"), access: .readOnly)
    #expect(try reader.values() == ["still mine"])
    try log.close()
    _ = try Log.open(scratch("log"))
  }

  @Test func aLogThatIsReadOnlyOrClosedSaysSo() throws {
    let scratch = Scratch()
    let log = try Log.open(scratch("log"))
    try log.append(Record(value: "a"))
    let reader = try Log.open(scratch("log"), access: .readOnly)
    #expect(code { try reader.append(Record(value: "b")) } == .readOnly)
    try log.close()
    try log.close()
    #expect(code { try log.append(Record(value: "b")) } == .closed)
    #expect(code { try log.flush() } == .closed)
    #expect(code { _ = try log.values(from: 0) } == .closed)
    #expect(code { _ = try log.offset(for: Timestamp(milliseconds: 0)) } == .closed)
    #expect(try reader.values() == ["a"])
  }

  @Test func batchesThatCannotBeAppended() throws {
    let scratch = Scratch()
    var configuration = LogConfiguration()
    configuration.maximumBatchBytes = 500
    let log = try Log.open(scratch("log"), configuration: configuration)
    #expect(code { try log.append([Record]()) } == .emptyBatch)
    #expect(code { try log.append(Record(value: [UInt8](repeating: 1, count: 600))) } == .batchTooLarge)
    var builder = RecordBatchBuilder()
    try builder.append(Record(value: "a"))
    builder.lastOffsetDelta = 5
    let gap = try builder.finish()
    #expect(code { try log.append(gap) } == .invalidRecord)
    try log.append(Record(value: "fits"))
    #expect(try log.values() == ["fits"])
    #expect(log.logEndOffset == 1)
  }

  @Test func aConfigurationWithoutSenseTrapsAtOnce() async {
    await #expect(processExitsWith: .failure) {
      var configuration = LogConfiguration()
      configuration.segmentBytes = 0
      _ = try Log.open("/tmp/strata-never", configuration: configuration)
    }
  }

  @Test func filesNamedLikeSegmentsThatAreNone() throws {
    let scratch = Scratch()
    let log = try Log.open(scratch("log"))
    try log.append(Record(value: "a"))
    try log.close()
    for name in [
      "1.log", "0000000000000000000x.log", "00000000000000000000.txt", "99999999999999999999.log",
      "00000000000000000000.log.bak", ".log", "notes.tmp",
    ] {
      try write([1, 2, 3], to: scratch("log/" + name))
    }
    let again = try Log.open(scratch("log"))
    #expect(try again.values() == ["a"])
    #expect(FileManager.default.fileExists(atPath: scratch("log/notes.tmp")))
  }

  @Test func aFolderNamedLikeASegment() throws {
    let scratch = Scratch()
    try FileManager.default.createDirectory(
      atPath: scratch("00000000000000000000.log"), withIntermediateDirectories: false)
    #expect(code { _ = try Log.open(scratch.path) } == .io)
  }

  @Test func oldMessageSetsAreRefusedByNameAndLeftAlone() throws {
    let scratch = Scratch()
    let path = scratch("00000000000000000000.log")
    try FileManager.default.copyItem(atPath: fixtures + "/corrupt/magic-1.log", toPath: path)
    let before = try contents(path)
    let error = #expect(throws: LogError.self) { _ = try Log.open(scratch.path) }
    #expect(error?.code == .damaged)
    #expect(error?.detail.contains("magic 1") == true, "\(error!)")
    #expect(try contents(path) == before)
  }

  /// One record of `count` zeros under gzip, zstd, …: small on disk, and as large as one likes in memory.
  @Test(arguments: Compression.Codec.allCases.filter { $0 != .none && Compression.isBuilt($0) })
  func whatDecompressesBeyondTheLimitIsRefused(codec: Compression.Codec) throws {
    let compression: Compression =
      switch codec {
      case .gzip: .gzip()
      case .snappy: .snappy
      case .lz4: .lz4()
      default: .zstd()
      }
    let scratch = Scratch()
    let log = try Log.open(scratch("log"))
    var builder = RecordBatchBuilder(compression: compression)
    try builder.append(Record(value: [UInt8](repeating: 0, count: 4 << 20)))
    try log.append(builder.finish())
    var cursor = log.fetch(from: 0)
    let batch = try #require(try cursor.next())
    #expect(batch.sizeInBytes < 1 << 20)
    let limits = ParsingLimits(decompressedBytes: 1 << 20)
    let error = #expect(throws: FormatError.self) { _ = try batch.records(limits: limits).isEmpty }
    #expect(error?.code == .limitExceeded)
    var records = try batch.records()
    #expect(try records.next()?.value?.count == 4 << 20)
  }

  @Test func aLengthOfTwoGibibytesTakesNoMemory() throws {
    let scratch = Scratch()
    let path = scratch("00000000000000000000.log")
    try FileManager.default.copyItem(atPath: fixtures + "/corrupt/length-huge.log", toPath: path)
    let log = try Log.open(scratch.path)
    #expect(log.logEndOffset == 19)
    // The last byte, the number of the last record's headers, is a zero.
    #expect(log.recoveryReport.cutBytes == 330)
    #expect(log.recoveryReport.quarantined.count == 1)
  }
}

extension RecordReader {
  fileprivate var isEmpty: Bool { false }
}
