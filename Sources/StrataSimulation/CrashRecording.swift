internal import StrataIO
internal import StrataLock

/// The disk at one moment of a run: before a call, or at the end.
struct Moment: Sendable {
  /// The number of the call that was about to happen, counted from the start of the run.
  var number: Int
  var image: DiskImage
  var time: SimulatedTime
  var promiseCount: Int
  /// Whether nothing has changed since the moment before.
  var isRepetition: Bool
}

/// A run without a crash.
struct Recording<Promise: Sendable>: Sendable {
  var moments: [Moment]
  var promises: [Promise]
  var calls: [Call]

  func promises(at moment: Moment) -> [Promise] {
    Array(promises.prefix(moment.promiseCount))
  }

  /// Where the calls of two runs part, in words; nil where they do not.
  func difference(_ other: Recording) -> String? {
    for (index, (first, second)) in zip(calls, other.calls).enumerated() where first != second {
      return "call \(index + 1) was \(first), then \(second)"
    }
    return calls.count == other.calls.count ? nil : "\(calls.count) calls, then \(other.calls.count)"
  }
}

/// Keeps the disk before each call.
final class MomentRecorder: Sendable {
  private let moments = Lock<[Moment]>([])
  /// Calls before the run.
  private let first: Int

  init(_ first: Int = 0) {
    self.first = first
  }

  func observe(_ disk: SimulatedDisk, _ promiseCount: @escaping @Sendable () -> Int) {
    disk.state.withLock { state in
      state.observer = { call, image, time in
        self.note(call.number - self.first, image, time, promiseCount())
      }
    }
  }

  /// Adds the moment after the last call, and lets go of the disk.
  func finish(_ disk: SimulatedDisk, _ promiseCount: () -> Int) -> [Moment] {
    disk.state.withLock { state in
      state.observer = nil
      note(state.callCount - first + 1, state.image, state.time, promiseCount())
    }
    return moments.withLock { $0 }
  }

  private func note(_ number: Int, _ image: DiskImage, _ time: SimulatedTime, _ promiseCount: Int) {
    moments.withLock { moments in
      let isRepetition =
        moments.last.map { $0.image.version == image.version && $0.promiseCount == promiseCount } ?? false
      moments.append(
        Moment(
          number: number, image: image, time: time, promiseCount: promiseCount, isRepetition: isRepetition))
    }
  }
}
