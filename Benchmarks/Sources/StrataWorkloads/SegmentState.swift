internal import BenchmarkKit
internal import Strata

/// How a segment is made ready for what is going to be appended: by Strata, and by who measures the limit of it.
struct SegmentState: Sendable, Equatable {
  /// For options, labels and JSON.
  let name: String
  let preparation: SegmentPreparation
  /// What the bytes of the file are where the limit is measured.
  let limit: Preparation
  /// How small appends get there.
  var writing = WritingMode.copied

  static let none = SegmentState(name: "none", preparation: .none, limit: .plain)
  static let allocated = SegmentState(name: "allocated", preparation: .allocated, limit: .allocated)
  /// Everything a run appends is written ahead before the time begins, as it is where a log has had idle times.
  static let written = SegmentState(name: "written", preparation: .written, limit: .existing)
  static let mapped = SegmentState(
    name: "mapped", preparation: .allocated, limit: .allocated, writing: .mapped)
  static let writtenMapped = SegmentState(
    name: "written-mapped", preparation: .written, limit: .existing, writing: .mapped)

  /// What a log does that nobody has configured.
  static let standard = allocated
  /// All there are, in the order in which they are measured.
  static let all = [allocated, none, written, mapped, writtenMapped]

  /// Those that the options ask for; else the standard, and all of them where everything is measured.
  static func chosen(_ options: BenchmarkOptions) -> [SegmentState] {
    if let names = options.preparations { return names.compactMap { name in all.first { $0.name == name } } }
    return options.extent == .brief ? [standard] : all
  }
}
