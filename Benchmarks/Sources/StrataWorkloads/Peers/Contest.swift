internal import BenchmarkKit

/// Runs several engines and their limit by turns, so that what the machine does meanwhile hits all of them.
///
/// A round runs the limits, of which the better one counts, and each engine once; who comes first moves on by
/// one from round to round. The first round is a warm-up and is dropped.
struct Contest {
  /// One for each engine, in their order: all have the limits of the same rounds.
  var rounds: [Rounds]

  static func run(
    _ count: Int, progress: Progress, _ label: String, limits: [() throws -> Sample],
    engines: [() throws -> Sample]
  ) throws -> Contest {
    var contest = Contest(rounds: engines.map { _ in Rounds() })
    for round in 0...count {
      progress.show("\(label): \(round == 0 ? "warm-up" : "round \(round) of \(count)")")
      let limit = try best(limits)
      var samples: [Sample?] = engines.map { _ in nil }
      for turn in engines.indices {
        let place = (turn + round) % engines.count
        samples[place] = try engines[place]()
      }
      guard round > 0 else { continue }
      for place in engines.indices {
        contest.rounds[place].samples.append(samples[place]!)
        contest.rounds[place].limits.append(limit)
      }
    }
    progress.clear()
    return contest
  }

  private static func best(_ limits: [() throws -> Sample]) throws -> Sample {
    var best = try limits[0]()
    for limit in limits.dropFirst() {
      let sample = try limit()
      if sample.isBetter(than: best) { best = sample }
    }
    return best
  }
}
