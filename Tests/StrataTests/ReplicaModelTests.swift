import Foundation
import Strata
import Testing

/// Two copies of one log that take turns in leading, with records that only one of them has when the other takes over:
/// against a list of what the leader has.
@Suite struct ReplicaModelTests {
  private struct Written: Hashable {
    var value: String
    var epoch: LeaderEpoch
  }

  private struct Run {
    var random: Random
    let scratch = Scratch()
    var configuration = LogConfiguration.small
    /// The first of them leads.
    var logs: [Log]
    var names = ["first", "second"]
    /// What the leader has, by its offsets.
    var written: [Written] = []
    var steps: [String] = []
    var count = 0

    init(seed: UInt64) throws {
      random = Random(seed: seed)
      configuration.segmentBytes = 300 + random.below(1500)
      logs = try names.map { [scratch, configuration] in
        try Log.open(scratch($0), configuration: configuration)
      }
    }

    mutating func step() throws {
      let choice = random.below(10)
      steps.append("\(choice)")
      switch choice {
      case 0...3: try append()
      case 4...5: try replicate(atMost: 1 + random.below(6))
      case 6: try takeOver()
      case 7:
        try logs[0].beginLeaderEpoch(LeaderEpoch(logs[0].leaderEpoch.rawValue + Int32(random.below(3))))
      case 8: try reopen(random.below(2))
      default:
        try replicate(atMost: .max)
        try check()
      }
      for log in logs { log.checkInvariants() }
    }

    private mutating func append() throws {
      let values = (0..<1 + random.below(3)).map { _ in
        count += 1
        return "value \(count)"
      }
      let epoch = logs[0].leaderEpoch
      let place = try logs[0].append(values.map { Record(value: $0) }, durability: .buffered)
      try #require(place.baseOffset.rawValue == Int64(written.count), "\(steps)")
      written += values.map { Written(value: $0, epoch: epoch) }
    }

    /// The follower takes some of what it lacks.
    private func replicate(atMost limit: Int) throws {
      var batches: [RecordBatch] = []
      var cursor = logs[0].fetch(from: logs[1].logEndOffset, isolation: .logEnd)
      while batches.count < limit, let batch = try cursor.next() { batches.append(batch) }
      let end = try logs[1].appendReplica(batches, durability: .buffered)
      try #require(end == batches.last?.nextOffset ?? logs[1].logEndOffset, "\(steps)")
    }

    /// The follower leads from now on, and what it lacks is taken back in the other.
    private mutating func takeOver() throws {
      logs.swapAt(0, 1)
      names.swapAt(0, 1)
      written.removeSubrange(Int(logs[0].logEndOffset.rawValue)...)
      let (leader, follower) = (logs[0], logs[1])
      var epoch = follower.leaderEpoch
      try leader.beginLeaderEpoch(LeaderEpoch(max(leader.leaderEpoch, epoch).rawValue + 1))
      // Records that come before the other has heard of it.
      try append()
      while true {
        let end = try #require(leader.endOffset(for: epoch), "\(steps)")
        try #require(end.leaderEpoch <= epoch, "\(steps)")
        try follower.truncate(toEndOf: end.leaderEpoch, at: end.endOffset)
        if end.leaderEpoch == epoch { break }
        epoch = end.leaderEpoch
      }
      try #require(follower.logEndOffset <= leader.logEndOffset, "\(steps)")
      try check()
    }

    private mutating func reopen(_ place: Int) throws {
      let path = logs[place].path
      if Bool.random(using: &random) { try logs[place].close() }
      logs[place] = try Log.open(scratch("other"), configuration: configuration)
      logs[place] = try Log.open(path, configuration: configuration)
    }

    /// The leader has what was written, and the other a part of that, in the same epochs.
    func check() throws {
      for log in logs {
        var found: [Written] = []
        var cursor = log.fetch(from: 0, isolation: .logEnd)
        while let batch = try cursor.next() {
          var records = try batch.records()
          while let record = try records.next() {
            found.append(
              Written(
                value: String(copying: record.value!), epoch: batch.header.partitionLeaderEpoch))
          }
        }
        try #require(written.starts(with: found), "\(found) of \(written): \(steps)")
        if log === logs[0] { try #require(found.count == written.count, "\(steps)") }
        for (offset, record) in found.enumerated() {
          let end = try #require(log.endOffset(for: record.epoch), "\(steps)")
          let behind = found.lastIndex { $0.epoch == record.epoch }! + 1
          try #require(
            end.leaderEpoch == record.epoch && end.endOffset.rawValue == Int64(behind),
            "epoch \(record.epoch) of \(offset) ends at \(end): \(steps)")
        }
        try #require(log.verify().damages.isEmpty, "\(steps)")
      }
    }
  }

  @Test(arguments: 0..<6) func copiesComeToWhatTheirLeaderHas(number: Int) throws {
    let seed = seed() &+ UInt64(number)
    var run = try Run(seed: seed)
    for _ in 0..<100 {
      do { try run.step() } catch {
        Issue.record("STRATA_SEED=\(seed &- UInt64(number)), run \(number), after \(run.steps): \(error)")
        return
      }
    }
  }
}
