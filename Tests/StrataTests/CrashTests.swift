import Strata
import StrataSimulation
import Testing

/// The log on a disk that loses its power at every call, in every state that the disk may be left in. What has
/// to hold afterwards is `CrashOracle`'s.
///
/// `CRASH_MINUTES` makes it longer sequences, more states, and random sequences for so long.
@Suite struct CrashTests {
  #if DEBUG
    static let longest = 1
  #else
    static let longest = CrashBudget.isLong ? 4 : 3
  #endif

  /// Every sequence of verbs: the crash points of a sequence without its last verb are another sequence's.
  @Test func nothingAcknowledgedIsLostAtAnyCallOfAnySequence() {
    var campaign = CrashCampaign()
    for count in 0...Self.longest {
      for steps in CrashStep.sequences(count) {
        guard campaign.explore(CrashWorkload(steps, lastAlone: true), .wide()) else { return }
      }
    }
    print(campaign.summary("crash: every sequence of up to \(Self.longest) operations"))
  }

  /// Writers and transactions: nothing is there twice, and all of a transaction counts or nothing.
  @Test func whatIsDecidedStaysSoAtAnyCall() {
    var campaign = CrashCampaign()
    var sequences: [[CrashStep]] = [[.once, .roll, .once], [.inTransaction, .synced, .commit]]
    #if !DEBUG
      sequences += [
        [.once, .close, .open, .once], [.once, .once, .truncate, .once],
        [.inTransaction, .roll, .abort, .inTransaction, .open, .synced],
        [.inTransaction, .roll, .inTransaction, .abort, .close, .open, .commit],
        [.commit, .inTransaction, .abort, .truncate, .commit], [.abort, .once, .failedSync, .commit],
      ]
    #endif
    for steps in sequences {
      guard campaign.explore(CrashWorkload(steps), .wide()) else { return }
    }
    print(campaign.summary("crash: writers and transactions"))
  }

  /// Zeros written ahead, the next segment's file, and records that are stored through a mapping.
  @Test(arguments: [
    (SegmentPreparation.written, WritingMode.copied), (.written, .mapped), (.allocated, .mapped),
  ]) func whatIsMadeReadyAheadIsNeverTakenForARecord(
    _ preparation: SegmentPreparation, _ writing: WritingMode
  ) {
    var campaign = CrashCampaign()
    var sequences: [[CrashStep]] = [
      [.prepare, .buffered, .prepare, .roll, .synced], [.prepare, .synced, .close, .open, .prepare],
    ]
    #if !DEBUG
      sequences += CrashStep.sequences(2).map { [.prepare] + $0 }
      sequences += [
        [.prepare, .pair, .roll, .prepare, .truncate, .synced], [.prepare, .page, .prepare, .page, .synced],
        [.prepare, .inTransaction, .roll, .commit], [.synced, .prepare, .failedSync, .prepare, .synced],
      ]
    #endif
    for steps in sequences {
      var workload = CrashWorkload(steps)
      workload.oracle.configuration = .crash(preparation, writing)
      workload.oracle.crashesAgain = true
      workload.name += ", \(preparation) and \(writing)"
      guard campaign.explore(workload, .wide()) else { return }
    }
    print(campaign.summary("crash: \(preparation) and \(writing)"))
  }

  @Test func aCrashWhileRecoveringLosesNothingEither() {
    var campaign = CrashCampaign()
    var sequences: [[CrashStep]] = [[.synced, .failedSync]]
    var folders = [PreparedFolder.hole]
    #if !DEBUG
      sequences += [[.buffered, .synced], [.pair, .close, .open, .buffered]]
      folders = PreparedFolder.allCases
    #endif
    for steps in sequences {
      var workload = CrashWorkload(steps)
      workload.oracle.crashesAgain = true
      guard campaign.explore(workload, .deep()) else { return }
    }
    for folder in folders {
      guard campaign.explore(folder.workload, .deep()) else { return }
    }
    #expect(campaign.report.recoveryCrashPoints > 100)
    print(campaign.summary("crash: while recovering"))
  }

  /// All states of a crash that leaves many pages, sizes and names undecided.
  @Test func everySurvivingStateOfTwelveDirtyUnitsIsTried() {
    var campaign = CrashCampaign()
    #if DEBUG
      let pages = 2
    #else
      let pages = CrashBudget.isLong ? 10 : 6
    #endif
    var workload = CrashWorkload([.synced] + Array(repeating: .page, count: pages), lastAlone: true)
    workload.oracle.configuration.segmentBytes = 1 << 20
    guard campaign.explore(workload, .whole()) else { return }
    print(campaign.summary("crash: every state"))
    #expect(campaign.report.largestEnumeratedUnits >= min(12, pages + 6))
  }

  /// Larger sequences, as the seed has them.
  @Test func nothingAcknowledgedIsLostInRandomSequences() {
    var campaign = CrashCampaign()
    let first = CrashBudget.seed
    #if DEBUG
      let count = 1
    #else
      let count = 5
    #endif
    let start = ContinuousClock.now
    var number = 0
    while number < count || ContinuousClock.now - start < .seconds(CrashBudget.minutes * 60) {
      let seed = first &+ UInt64(number)
      var random = Random(seed: seed)
      var workload = CrashWorkload(CrashStep.random(5 + random.below(10), &random))
      let ways: [LogConfiguration] = [
        .crash, .crash(.written, .copied), .crash(.written, .mapped), .crash(.allocated, .mapped),
      ]
      workload.oracle.configuration = ways[random.below(ways.count)]
      workload.name = "CRASH_SEED=\(seed): \(workload.name)"
      workload.oracle.crashesAgain = true
      guard campaign.explore(workload, .drawn(seed: seed)) else { return }
      number += 1
    }
    print(campaign.summary("crash: random sequences from seed \(first) on"))
  }
}
