internal import Strata
internal import StrataIO
internal import StrataSimulation

/// The index files of one segment, of a log whose segments are whole:
///
///     options byte | length of the offset index uint16 | offset index | time index
///
/// Whatever they hold, every offset and every time is answered as by the records themselves.
enum IndexTarget {
  static func run(_ input: [UInt8]) throws(Finding) {
    let sample = SampleLog.shared
    var input = Input(input)
    let options = input.byte()
    let length = input.length()
    let disk = sample.disk.fork()
    let segment = Int(options >> 1) % sample.bases.count
    disk.install(sample.path(segment, "index"), input.take(length))
    disk.install(sample.path(segment, "timeindex"), input.rest())
    try use(disk, options & 1 == 0 ? .readWrite : .readOnly)
    try checkAllIsClosed(disk)
  }

  private static func use(_ disk: SimulatedDisk, _ access: LogAccess) throws(Finding) {
    let log = try open(disk, access)
    try check(log)
    guard access == .readWrite else { return }
    // The second time with what the first has made of the index.
    try check(log)
    try expect("closing") { () throws(LogError) in try log.close() }
    try check(try open(disk, access))
  }

  private static func open(_ disk: SimulatedDisk, _ access: LogAccess) throws(Finding) -> Log {
    try expect("opening") { () throws(LogError) in
      try Log.open(
        SampleLog.path, configuration: SampleLog.configuration, access: access, environment: disk.environment)
    }
  }

  private static func check(_ log: Log) throws(Finding) {
    let sample = SampleLog.shared
    for expected in sample.records {
      let batch = try expect("fetching \(expected.offset)") { () throws(LogError) in
        var cursor = log.fetch(from: expected.offset, isolation: .logEnd)
        return try cursor.next()
      }
      guard let batch else { throw Finding("nothing at offset \(expected.offset)") }
      let found: [PlacedRecord]
      do throws(FormatError) { found = try records(of: batch, limits: log.configuration.limits) } catch {
        throw Finding("a whole batch cannot be read: \(error)")
      }
      try require(found.first == expected, "offset \(expected.offset) is answered with \(found)")
    }
    for time in times(sample) {
      let found = try expect("looking for \(time)") { () throws(LogError) in
        try log.offset(for: time, isolation: .logEnd)
      }
      let first = sample.records.first { $0.record.timestamp! >= time }
      try require(
        found == first?.offset,
        "\(time) is answered with \(String(describing: found)) instead of \(String(describing: first?.offset))"
      )
    }
  }

  private static func times(_ sample: SampleLog) -> [Timestamp] {
    var times: [Timestamp] = [Timestamp(milliseconds: 0), Timestamp(milliseconds: .max)]
    for place in stride(from: 0, to: sample.records.count, by: 3) {
      let time = sample.records[place].record.timestamp!.milliseconds
      times += [Timestamp(milliseconds: time), Timestamp(milliseconds: time + 1)]
    }
    return times
  }

  /// Sets the last entry of each index to the right one, so that the check of constant cost lets the others pass.
  static func repair(_ input: inout [UInt8], choice: UInt32) {
    let sample = SampleLog.shared
    guard choice & 3 != 0, input.count > 3 else { return }
    let segment = Int(input[0] >> 1) % sample.bases.count
    guard let offsets = sample.disk.contents(of: sample.path(segment, "index")),
      let times = sample.disk.contents(of: sample.path(segment, "timeindex"))
    else { return }
    var parsed = Input(input)
    let options = parsed.byte()
    let length = parsed.length()
    var index = parsed.take(length)
    var timeIndex = parsed.rest()
    index.removeLast(index.count % 8)
    timeIndex.removeLast(timeIndex.count % 12)
    if index.count >= 8, offsets.count >= 8 {
      index.replaceSubrange(index.count - 8..<index.count, with: offsets.suffix(8))
    }
    if timeIndex.count >= 12, times.count >= 12, choice & 2 != 0 {
      timeIndex.replaceSubrange(timeIndex.count - 12..<timeIndex.count, with: times.suffix(12))
    }
    input = encode(options, index, timeIndex)
  }

  private static func encode(_ options: UInt8, _ index: [UInt8], _ timeIndex: [UInt8]) -> [UInt8] {
    [options, UInt8(truncatingIfNeeded: index.count >> 8), UInt8(truncatingIfNeeded: index.count)]
      + index + timeIndex
  }

  static func seeds() -> [[UInt8]] {
    let sample = SampleLog.shared
    return (0..<2 * min(sample.bases.count, 100)).map { options in
      let segment = options >> 1
      return encode(
        UInt8(options), sample.disk.contents(of: sample.path(segment, "index")) ?? [],
        sample.disk.contents(of: sample.path(segment, "timeindex")) ?? [])
    }
  }
}
