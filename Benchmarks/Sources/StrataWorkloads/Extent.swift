/// How much is measured.
public enum Extent: Sendable, Equatable {
  /// A size for tests: everything runs and is checked, and no figure means anything.
  case quick
  /// What `make bench` shows within about two minutes.
  case brief
  /// Everything that the goals speak of, within about fifteen minutes.
  case full
}

/// The sizes of what is measured where they are not given by an option.
struct Amounts: Sendable {
  /// The keys of the log that is compacted; each is written `timesWritten` times.
  var keys: Int
  static let timesWritten = 10
  /// The logs of the directory that is opened.
  var logs: Int
  /// One of how many parts of the bytes of a run are enough for recovering and tailing, which take their time.
  var part: Int
  /// The bytes of the log, most of it durable, that is opened after a crash.
  var durableLogBytes: Int
  /// Bytes of a segment, where the cost is told against a log's size.
  var segmentBytes: Int
  /// How many sealed segments the small log has there.
  var smallSegments: Int
  /// And the large one.
  var largeSegments: Int

  init(_ extent: Extent) {
    switch extent {
    case .quick:
      (keys, logs, part, durableLogBytes) = (300, 12, 1, 3 << 20)
      (segmentBytes, smallSegments, largeSegments) = (1 << 20, 1, 3)
    case .brief:
      (keys, logs, part, durableLogBytes) = (50_000, 1000, 4, 96 << 20)
      (segmentBytes, smallSegments, largeSegments) = (128 << 20, 1, 4)
    case .full:
      (keys, logs, part, durableLogBytes) = (1_000_000, 10_000, 1, 1 << 30)
      (segmentBytes, smallSegments, largeSegments) = (512 << 20, 2, 5)
    }
  }
}
