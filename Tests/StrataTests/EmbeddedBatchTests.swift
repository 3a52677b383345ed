import Foundation
import Strata
import StrataRecords
import StrataSimulation
import Testing

/// Records whose values are whole batches, with the very next offset: however the batch around them breaks, they
/// are never taken for batches of the log.
@Suite struct EmbeddedBatchTests {
  /// Three batches; the value of the middle one's record is filled with batches that begin with the next offset.
  func segment() throws -> (bytes: [UInt8], middle: Range<Int>) {
    var builder = RecordBatchBuilder()
    func batch(at offset: Int64, _ records: [Record]) throws -> [UInt8] {
      for record in records { try builder.append(record) }
      let built = try builder.finish()
      var bytes = [UInt8](copying: built.bytes)
      for place in 0..<8 { bytes[place] = UInt8(truncatingIfNeeded: offset >> Int64((7 - place) * 8)) }
      // The epoch of a log.
      for place in 12..<16 { bytes[place] = 0 }
      return bytes
    }
    let first = try batch(at: 0, [Record(value: "first")])
    // Whatever is expected behind the torn batch, one of these has it.
    let inner = try (1...3).flatMap { try batch(at: $0, [Record(value: "embedded")]) }
    let middle = try batch(at: 1, [Record(value: inner)])
    let last = try batch(at: 2, [Record(value: "last")])
    return (first + middle + last, first.count..<first.count + middle.count)
  }

  func check(_ log: Log, _ what: String) throws {
    var seen = 0
    for value in try log.readOver().found.values {
      seen += 1
      try #require(value != "embedded", "\(what)")
    }
    try #require(seen >= 1, "\(what)")
  }

  /// `ending`: what lies where the batch was torn.
  enum Ending: CaseIterable { case nothing, zeros, rest }

  @Test(arguments: Ending.allCases, [RecoveryPolicy.refuse, .salvage])
  func tornAtEveryByteTheyAreNeverServed(_ ending: Ending, _ policy: RecoveryPolicy) throws {
    let (whole, middle) = try segment()
    // A file that ends with a batch was cut by somebody, and is no damage.
    for end in middle.dropFirst() {
      #if DEBUG
        // Unoptimised code takes twenty times as long.
        guard end % 4 == 0 else { continue }
      #endif
      var bytes = Array(whole[..<end])
      switch ending {
      case .nothing: break
      case .zeros: bytes += [UInt8](repeating: 0, count: whole.count - end)
      // The front of the batch did not reach the disk, and its rest did.
      case .rest:
        bytes =
          Array(whole[..<middle.lowerBound]) + [UInt8](repeating: 0, count: end - middle.lowerBound)
          + whole[end...]
      }
      for durable in [Int64(middle.lowerBound), Int64(whole.count)] {
        let disk = SimulatedDisk(seed: 0, crashAt: .never)
        disk.install("log/00000000000000000000.log", bytes)
        disk.install(
          "log/strata.durable-point",
          durablePointFile(position: durable, nextOffset: durable == whole.count ? 3 : 1))
        var configuration = LogConfiguration.crash
        configuration.recovery = policy
        let environment = disk.environment
        let what = "\(ending) \(policy) at \(end), durable through \(durable)"
        do {
          let log = try Log.open("log", configuration: configuration, environment: environment)
          try check(log, what)
          if policy == .salvage, durable == whole.count { try #require(log.logEndOffset == 3, "\(what)") }
          try log.append(Record(value: "after"))
          try log.close()
          try check(Log.open("log", environment: environment), what)
        } catch let error as LogError {
          try #require(
            error.code == .damaged && policy == .refuse && durable == whole.count, "\(what): \(error)")
        }
        try check(Log.open("log", access: .readOnly, environment: environment), what)
      }
    }
  }
}
