import Foundation
import Strata
import StrataIO
import StrataSimulation
import Testing

/// Who led when a record was written.
@Suite struct LeaderEpochTests {
  private static func log(_ disk: SimulatedDisk) throws -> Log {
    try Log.open("log", configuration: .small, environment: disk.environment)
  }

  /// A batch as it lies in another log.
  private static func batch(_ epoch: Int32, at offset: Int64, _ count: Int = 2) throws -> RecordBatch {
    var builder = RecordBatchBuilder()
    builder.baseOffset = Offset(offset)
    builder.partitionLeaderEpoch = LeaderEpoch(epoch)
    for place in 0..<count { try builder.append(value: "\(epoch) \(offset) \(place)".utf8.span) }
    return try builder.finish()
  }

  @Test func anEpochEndsWhereTheNextOneBegins() {
    var epochs = LeaderEpochs()
    for (epoch, offset) in [(2, 10), (5, 20), (6, 20), (9, 70)] as [(Int32, Int64)] {
      let isAssigned = epochs.assign(LeaderEpoch(epoch), at: Offset(offset))
      #expect(isAssigned)
    }
    // Nothing was written in epoch 5.
    #expect(epochs.entries.map(\.epoch) == [2, 6, 9])
    func end(_ epoch: Int32) -> LeaderEpochEnd? { epochs.end(of: LeaderEpoch(epoch), logEnd: 100) }
    func known(_ epoch: Int32, _ offset: Int64) -> LeaderEpochEnd {
      LeaderEpochEnd(leaderEpoch: LeaderEpoch(epoch), endOffset: Offset(offset))
    }
    #expect(end(2) == known(2, 20))
    #expect(end(3) == known(2, 20))
    #expect(end(5) == known(2, 20))
    #expect(end(6) == known(6, 70))
    #expect(end(8) == known(6, 70))
    #expect(end(9) == known(9, 100))
    #expect(end(10) == nil && end(-1) == nil)
    // Below all that are known nobody knows more than where those begin.
    #expect(end(1) == known(1, 10))
    let isAssigned = epochs.assign(8, at: 71)
    #expect(!isAssigned)
    epochs.truncate(from: 40)
    #expect(epochs.entries.map(\.startOffset) == [40, 70] && epochs.entries.map(\.epoch) == [6, 9])
  }

  @Test func theEpochsOfAnotherLogAreKept() throws {
    let disk = SimulatedDisk(seed: 1, crashAt: .never)
    var log: Log? = try Self.log(disk)
    try log!.appendReplica([Self.batch(0, at: 0), Self.batch(3, at: 2), Self.batch(3, at: 7)])
    try log!.appendReplica([Self.batch(4, at: 9)])
    #expect(log!.logEndOffset == 11)
    let text = { String(decoding: disk.contents(of: "log/leader-epoch-checkpoint")!, as: UTF8.self) }
    #expect(text() == "0\n3\n0 0\n3 2\n4 9\n")
    #expect(code { try log!.appendReplica([Self.batch(3, at: 11)]) } == .invalidRecord)
    #expect(code { try log!.appendReplica([Self.batch(4, at: 10)]) } == .offsetOutOfRange)
    #expect(log!.endOffset(for: 3) == LeaderEpochEnd(leaderEpoch: 3, endOffset: 9))
    // As it was left, without its checkpoint, and with nonsense in it.
    for content in [nil, [], Array("0\n1\nnonsense\n".utf8)] as [[UInt8]?] {
      log = nil
      if let content { disk.install("log/leader-epoch-checkpoint", content) }
      log = try Self.log(disk)
      #expect(log!.leaderEpochs.entries.map(\.epoch) == [0, 3, 4])
      #expect(log!.leaderEpochs.entries.map(\.startOffset) == [0, 2, 9])
    }
    try log!.close()
    try disk.environment.fileSystem.remove("log/leader-epoch-checkpoint")
    let reader = try Log.open("log", access: .readOnly, environment: disk.environment)
    #expect(reader.endOffset(for: 3)?.endOffset == 9)
    log = try Self.log(disk)
    #expect(log!.endOffset(for: 3)?.endOffset == 9)
    // What is appended here has the last of them.
    try log!.append(Record(value: "own"))
    #expect(log!.leaderEpoch == 4)
  }

  @Test func aFollowerTruncatesToWhereItsLeaderEnds() throws {
    let disk = SimulatedDisk(seed: 1, crashAt: .never)
    let log = try Self.log(disk)
    try log.appendReplica((0..<6).map { try Self.batch($0 < 3 ? 0 : 1, at: Int64($0 * 2)) })
    // The leader of epoch 0 has ended at 4, and this one has never heard of what came then.
    #expect(try log.truncate(toEndOf: 0, at: 4) == 4)
    try log.appendReplica([Self.batch(2, at: 4), Self.batch(2, at: 6)])
    #expect(log.leaderEpochs.entries.map(\.epoch) == [0, 2])
    #expect(try log.values(from: 0).suffix(2) == ["2 6 0", "2 6 1"])
    #expect(try log.truncate(toEndOf: 1) == 4)
    #expect(try log.truncate(toEndOf: 7, at: 3) == 2)
  }

  @Test func aNewLeaderBeginsItsEpochDurably() throws {
    let disk = SimulatedDisk(seed: 1, crashAt: .never)
    var log: Log? = try Self.log(disk)
    try log!.append(Record(value: "a"))
    try log!.beginLeaderEpoch(7)
    try log!.beginLeaderEpoch(7)
    #expect(code { try log!.beginLeaderEpoch(6) } == .invalidRecord)
    try log!.append(Record(value: "b"))
    log = nil
    log = try Self.log(disk)
    #expect(log!.endOffset(for: 0)?.endOffset == 1)
    #expect(log!.leaderEpoch == 7)
  }

  /// All of a folder of Kafka's, batch by batch, as a follower would fetch it.
  @Test func aReplicaHasTheBytesOfWhatItIsACopyOf() throws {
    let names = ["00000000000000000000", "00000000000000000896", "00000000000000001004"]
    let source = try names.flatMap { try contents(KafkaFolderTests.folder + "/golden-0/\($0).log") }
    var batches: [RecordBatch] = []
    var place = 0
    while place < source.count {
      batches.append(try RecordBatch(copying: source.span.extracting(place...)))
      place += batches.last!.sizeInBytes
    }
    let scratch = Scratch()
    let log = try Log.open(scratch("log"), environment: KafkaFolderTests.environment)
    #expect(try log.appendReplica(batches) == 1363)
    let partition = try KafkaFolderTests.partition("golden-0")
    #expect(try Set(log.allAborted()) == Set(partition.abortedTransactions))
    #expect(log.lastStableOffset.rawValue == partition.lastStableOffset)
    try log.close()
    #expect(try contents(scratch("log/00000000000000000000.log")) == source)
    #expect(
      try contents(scratch("log/leader-epoch-checkpoint"))
        == contents(KafkaFolderTests.folder + "/golden-0/leader-epoch-checkpoint"))
  }
}
