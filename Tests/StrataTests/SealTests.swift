import Strata
import StrataIO
import StrataRecords
import StrataSimulation
import Testing

/// Bits that turn over in bytes that no batch's checksum covers, and in the files beside the segments: a reader never
/// sees a record that was not written, and never fewer without being told.
@Suite struct SealTests {
  enum Stop: String, CaseIterable, Sendable {
    /// Closed, opened again, appended to and closed.
    case closed
    /// The same, and never closed.
    case killed
  }

  /// Closed once, so that the indexes have no entry that the end of the log has made.
  static func closedOnce() throws -> SealedLog {
    let disk = SimulatedDisk(seed: 1, crashAt: .never)
    let log = try Log.open("log", configuration: SealedLog.configuration, environment: disk.environment)
    try SealedLog.fill(log, 0..<18)
    try log.close()
    return try SealedLog(disk)
  }

  static func log(_ stop: Stop, _ configuration: LogConfiguration = SealedLog.configuration) throws
    -> SealedLog
  {
    let disk = SimulatedDisk(seed: 1, crashAt: .never)
    var log = try Log.open("log", configuration: configuration, environment: disk.environment)
    try SealedLog.fill(log, 0..<14)
    try log.close()
    log = try Log.open("log", configuration: configuration, environment: disk.environment)
    try SealedLog.fill(log, 14..<18)
    if stop == .closed { try log.close() }
    let sealed = try SealedLog(disk, configuration)
    try #require(sealed.segments.count > 2 && sealed.batches.count == 18)
    return sealed
  }

  @Test(arguments: Stop.allCases, [LogAccess.readWrite, .readOnly])
  func noBitOfAHeadGivesARecordAnotherPlace(stop: Stop, access: LogAccess) throws {
    let log = try Self.log(stop)
    for path in log.segments {
      for (position, offsets) in try log.places(path) {
        for bit in 0..<8 * 21 {
          #if DEBUG
            // Unoptimised code takes twenty times as long.
            if (bit + position) % 5 != 0 { continue }
          #endif
          let lost = try log.checkChanged(path, position + bit / 8, bit: bit % 8, access)
          try #require(lost == [offsets], "\(path) \(position), bit \(bit): \(lost) for \(offsets)")
        }
      }
    }
  }

  @Test(arguments: [LogAccess.readWrite, .readOnly])
  func noByteOfAFileBesideTheSegmentsGivesAWrongAnswer(access: LogAccess) throws {
    let seed = seed()
    var random = Random(seed: seed)
    for stop in Stop.allCases {
      var log = try Self.log(stop)
      if stop == .killed { log.isolation = .logEnd }
      for (path, bytes) in log.files where !path.hasSuffix(".log") {
        // What is reserved behind an index' entries means nothing; the first bytes of it will do.
        let used = (bytes.lastIndex { $0 != 0 } ?? -1) + 1
        for place in 0..<min(bytes.count, used + 16) {
          let bit = random.below(8)
          #if DEBUG
            if random.below(3) != 0 { continue }
          #endif
          do {
            let lost = try log.checkChanged(path, place, bit: bit, access, lookUps: place % 4 == 0)
            try #require(lost.isEmpty, "\(lost) is said to be damaged")
          } catch { Issue.record("\(stop), \(path), byte \(place), bit \(bit), seed \(seed): \(error)") }
        }
      }
    }
  }

  @Test(arguments: [LogAccess.readWrite, .readOnly])
  func noBitAnywhereInAThousandBatchesGivesAWrongRecord(access: LogAccess) throws {
    let seed = seed()
    var random = Random(seed: seed)
    var configuration = LogConfiguration()
    configuration.segmentBytes = 40_000
    configuration.indexIntervalBytes = 1000
    configuration.indexBytes = 8 << 10
    let disk = SimulatedDisk(seed: 1, crashAt: .never)
    let written = try Log.open("log", configuration: configuration, environment: disk.environment)
    try SealedLog.fill(written, 0..<1000, durability: .buffered)
    try written.close()
    let log = try SealedLog(disk, configuration)
    try #require(log.batches.count == 1000)
    // Opening begins with the batch of the last index entry, and refuses where that is damaged.
    let last = log.segments.last!
    for batch in try log.places(last) {
      #expect(try log.checkChanged(last, batch.position + 24, bit: 6, access) == [batch.offsets])
    }
    #if DEBUG
      let flips = 25
    #else
      let flips = 400
    #endif
    for flip in 0..<flips {
      let path = log.segments.randomElement(using: &random)!
      // Every second one hits a head, which has few of the bytes.
      let places = try log.places(path)
      let batch = places[random.below(places.count)]
      let place = flip % 2 == 0 ? batch.position + random.below(21) : random.below(log.files[path]!.count)
      let bit = random.below(8)
      do {
        let lost = try log.checkChanged(path, place, bit: bit, access)
        let hit = places.last { $0.position <= place }!
        try #require(lost == [hit.offsets], "\(lost) for \(hit.offsets)")
      } catch { Issue.record("\(path), byte \(place), bit \(bit), seed \(seed): \(error)") }
    }
  }

  /// Changes a segment, closed as it is, and reads.
  func lost(
    _ log: SealedLog, _ path: String, _ access: LogAccess = .readWrite, _ change: (inout [UInt8]) -> Void
  ) throws -> [Range<Offset>] {
    let changed = try log.open(access) { files in change(&files[path]!) }
    return try log.check(changed, lookUps: false)
  }

  @Test func aWholeFieldThatIsWrongIsFoundByItsNeighbours() throws {
    let log = try Self.log(.closed)
    let path = log.segments[1]
    let places = try log.places(path)
    for (number, place) in places.enumerated() {
      let offsets = try lost(log, path) { bytes in
        // The base offset of something else altogether.
        for byte in 1..<8 { bytes[place.position + byte] ^= UInt8(17 * byte) }
      }
      #expect(offsets == [place.offsets], "batch \(number)")
      let epochs = try lost(log, path) { bytes in
        for byte in 13..<16 { bytes[place.position + byte] ^= UInt8(3 * byte) }
      }
      #expect(epochs == [place.offsets], "batch \(number)")
    }
  }

  @Test func aSegmentThatSomebodyElseHasWrittenAnewIsRead() throws {
    var log = try Self.log(.closed)
    let path = log.segments[1]
    let places = try log.places(path)
    // As when Kafka takes a log back to an offset and writes on in a later epoch: the same sizes, other heads.
    for place in places[2...] {
      let base = place.offsets.lowerBound.rawValue
      let range = place.position..<place.position + log.batches[base]!.count
      var bytes = Array(log.files[path]![range])
      bytes[15] = 1
      bytes[bytes.count - 3] ^= 1
      let checksum = CRC32C.checksum(bytes.span.extracting(21..<bytes.count))
      for byte in 0..<4 { bytes[17 + byte] = UInt8(truncatingIfNeeded: checksum >> UInt32(24 - 8 * byte)) }
      log.files[path]!.replaceSubrange(range, with: bytes)
      log.batches[base] = bytes
    }
    try #require(places.count > 4)
    #expect(try log.check(log.open(.readWrite), lookUps: true).isEmpty)
    #expect(try log.check(log.open(.readOnly), lookUps: true).isEmpty)
  }

  @Test func aSegmentThatSomebodyElseHasAppendedToIsRead() throws {
    var log = try Self.log(.closed)
    let path = log.segments.last!
    var builder = RecordBatchBuilder()
    try builder.append(
      key: "k".utf8.span, value: "somebody else's".utf8.span, timestamp: Timestamp(milliseconds: 1))
    let batch = try builder.finish()
    var bytes = [UInt8](copying: batch.bytes)
    var header = batch.header
    header.baseOffset = Offset(log.end)
    header.partitionLeaderEpoch = 0
    var span = bytes.mutableSpan
    header.encode(into: &span)
    log.files[path]! += bytes
    log.batches[log.end] = bytes
    log.end += 1
    log.isolation = .logEnd
    #expect(try log.check(log.open(.readWrite), lookUps: false).isEmpty)
    #expect(try log.check(log.open(.readOnly), lookUps: false).isEmpty)
  }

  @Test func aSegmentWithoutASealGetsOneWithItsFirstLookUp() throws {
    var log = try Self.closedOnce()
    let seals = log.files.filter { $0.key.hasSuffix(".seal") }
    for path in seals.keys { log.files[path] = nil }
    let disk = log.disk()
    let open = try Log.open("log", configuration: log.configuration, environment: disk.environment)
    try log.check(open, lookUps: true)
    try open.close()
    for (path, bytes) in seals { #expect(disk.contents(of: path) == bytes, "\(path)") }
  }

  @Test func anIndexThatWasMadeAnewIsTheOneThatWasThere() throws {
    let log = try Self.closedOnce()
    for path in log.files.keys where path.hasSuffix("index") && !log.files[path]!.isEmpty {
      let disk = log.disk { $0[path]![$0[path]!.count / 2] ^= 1 }
      let open = try Log.open("log", configuration: log.configuration, environment: disk.environment)
      try log.check(open, lookUps: true)
      try open.close()
      #expect(disk.contents(of: path) == log.files[path], "\(path)")
    }
  }

  @Test func aClosedLogIsNotReadAgainEvenIfThePowerGoes() throws {
    func scannedBytes(_ seed: UInt64) throws -> Int64 {
      let disk = SimulatedDisk(seed: seed, crashAt: .never)
      let log = try Log.open("log", configuration: SealedLog.configuration, environment: disk.environment)
      try SealedLog.fill(log, 0..<14, durability: .buffered)
      try log.close()
      disk.crash()
      let again = try Log.open(
        "log", configuration: SealedLog.configuration, environment: disk.afterCrash())
      #expect(try SealedLog.readAll(again).batches.count == 14)
      return again.recoveryReport.scannedBytes
    }
    for seed in UInt64(0)..<8 { #expect(try scannedBytes(seed) == 0, "seed \(seed)") }
    #if MUTANTS
      // Without the seal's points on the disk the last segment is read, so that they can be made again.
      let read = try Mutants.$leftOut.withValue(.barrier(.seal)) { try (0..<8).map { try scannedBytes($0) } }
      #expect(read.contains { $0 > 0 })
    #endif
  }

  @Test func aHeadBelowTheCheckpointOfALogThatWasKilledIsFound() throws {
    var configuration = LogConfiguration()
    configuration.segmentMilliseconds = nil
    let disk = SimulatedDisk(seed: 1, crashAt: .never)
    let log = try Log.open("log", configuration: configuration, environment: disk.environment)
    let value = [UInt8](repeating: 7, count: 2 << 20)
    for _ in 0..<34 { try log.append(Record(value: value)) }
    disk.crash()
    let environment = disk.afterCrash()
    let path = "log/00000000000000000000.log"
    // 64 MiB are behind the checkpoint, and nobody reads them when the log is opened.
    let size = try #require(log.segments.first?.bytes)
    let again = try Log.open("log", configuration: configuration, environment: environment)
    #expect(again.recoveryReport.scannedBytes < 8 << 20)
    try again.close()
    let file = try environment.fileSystem.open(path, .readWrite)
    // A leader epoch of the fourth batch.
    try file.write([9].span, at: size / 34 * 3 + 15)
    let damaged = try Log.open("log", configuration: configuration, environment: environment)
    #expect(damaged.recoveryReport.wasClean)
    let found = try SealedLog.readAll(damaged)
    #expect(found.batches.count == 33 && found.lost == [3..<4])
  }
}
