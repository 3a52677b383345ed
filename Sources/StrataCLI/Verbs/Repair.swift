internal import Strata
internal import StrataIO
internal import StrataRecords

/// `strata repair`: makes a log whole again, as far as it can be.
enum RepairVerb {
  static let verb = Verb(
    name: "repair",
    summary: "Cuts a torn tail, makes wrong indexes anew and, asked to, takes damage out.",
    operands: [Operand("DIR", "the log's folder")],
    options: [
      .log, Option("dry-run", nil, "change nothing, and tell what would be done"),
      Option("salvage", nil, "rewrite damaged segments without the damaged bytes"),
      Option("to", "DIR2", "repair a copy, in the new folder DIR2, and leave DIR as it is"),
      Option("json", nil, "as one JSON object"), .rate,
    ],
    notes: """
      Without --to the log is repaired in place, which is said before it begins. Nothing is thrown away: bytes that
      are cut or taken out are kept in .quarantine files, and offsets that are gone are written down, so that
      readers are told. Damage in records that were promised is left as it is without --salvage. Where damage is
      left, or with --dry-run found, the status is 1.
      """,
    run: { (arguments, output) throws(CommandFailure) in try run(arguments, &output) })

  private static func run(
    _ arguments: Arguments, _ output: inout Output
  ) throws(CommandFailure) -> CommandFailure.Status {
    let place = try LogPlace(arguments)
    let rate = try arguments.integer("rate", in: 1...Int.max)
    let (isJSON, salvages) = (arguments.has("json"), arguments.has("salvage"))
    if arguments.has("dry-run") {
      guard arguments.text("to") == nil else { throw .usage("--dry-run changes nothing; leave --to out") }
      return try tell(place, rate, isJSON, salvages, &output)
    }
    var path = place.path
    if let target = arguments.text("to") {
      try LogCopy(from: place, to: target).run()
      path = target
    } else {
      try place.requireSegments()
      System.complain("strata repair: repairing \(path) in place")
    }
    return try repair(path, rate, isJSON, salvages, &output)
  }

  /// What is wrong, and what would be done about it.
  private static func tell(
    _ place: LogPlace, _ rate: Int?, _ isJSON: Bool, _ salvages: Bool, _ output: inout Output
  ) throws(CommandFailure) -> CommandFailure.Status {
    let log = try place.openToRead()
    let report = try Verification.run(log, rate: rate)
    let tail = try unfinishedBytes(log)
    if isJSON {
      output.write(UInt8(ascii: "{"))
      JSON.write("path", log.path, to: &output, isFirst: true)
      JSON.write("dryRun", true, to: &output)
      JSON.write("unfinishedBytes", tail, to: &output)
      Verification.write(json: report.damages, to: &output)
      Verification.write(json: report.lost, to: &output)
      output.write("}\n" as StaticString)
    } else {
      Verification.write(table: report.damages, to: &output)
      if tail > 0 {
        output.write(
          "\(tail) bytes behind the last batch would be cut, and kept aside\n")
      }
      let indexes = report.damages.filter(\.isIndex).count
      let batches = report.damages.filter { $0.kind == .batch }.count
      if indexes > 0 { output.write("wrong indexes would be made anew\n") }
      if batches > 0 {
        output.write(
          salvages
            ? "damaged bytes would be taken out and kept aside, and their offsets written down\n"
            : "damaged bytes would be left where they are; --salvage takes them out\n")
      }
      if report.damages.isEmpty, tail == 0 { output.write("nothing to repair\n") }
    }
    try output.commit()
    if let failure = Verification.failure(report.damages) { throw failure }
    return .done
  }

  /// The bytes of the last segment that are no batch and that nobody has promised.
  private static func unfinishedBytes(_ log: Log) throws(CommandFailure) -> Int64 {
    guard let last = log.segments.last else { return 0 }
    return try system { () throws(IOError) in
      let file = try LogEnvironment.system.fileSystem.open(last.path, .read)
      defer { file.close() }
      let size = try file.metadata().size
      var (position, end) = (last.bytes, last.bytes)
      while position < size {
        let piece = try FileBytes.read(file, position..<min(size, position + 128 << 10))
        guard piece.count > 0 else { break }
        // Zeros at the end were made ready for batches that never came.
        if let last = piece.bytes.indices.last(where: { piece.bytes[$0] != 0 }) {
          end = position + Int64(last) + 1
        }
        position += Int64(piece.count)
      }
      return end - last.bytes
    }
  }

  private static func repair(
    _ path: String, _ rate: Int?, _ isJSON: Bool, _ salvages: Bool, _ output: inout Output
  ) throws(CommandFailure) -> CommandFailure.Status {
    var configuration = LogConfiguration()
    configuration.recovery = salvages ? .salvage : .refuse
    let log: Log
    do { log = try Log.open(path, configuration: configuration) } catch {
      var failure = CommandFailure(error)
      if error.code == .damaged, !salvages {
        failure.message! += "; --salvage takes damaged bytes out and keeps the rest"
      }
      throw failure
    }
    let report = try Verification.run(log, rate: rate)
    var rebuilt = log.recoveryReport.rebuiltIndexes
    do throws(LogError) {
      for info in log.segments {
        let stem = info.path.dropLast("log".count)
        guard report.damages.contains(where: { $0.isIndex && $0.path.hasPrefix(stem) }) else { continue }
        try log.rebuildIndex(of: info.baseOffset)
        rebuilt.append(info.baseOffset)
      }
      try log.close()
    } catch { throw CommandFailure(error) }
    let left = report.damages.filter { !$0.isIndex }
    write(log, rebuilt, left, isJSON, &output)
    try output.commit()
    let hasBatches = left.contains { $0.kind == .batch }
    let advice = hasBatches && !salvages ? "; --salvage takes damaged bytes out and keeps the rest" : ""
    if let failure = Verification.failure(left, advice: advice) { throw failure }
    return .done
  }

  private static func write(
    _ log: Log, _ rebuilt: [Offset], _ left: [VerificationReport.Damage], _ isJSON: Bool,
    _ output: inout Output
  ) {
    let done = log.recoveryReport
    guard isJSON else {
      for moved in done.quarantined {
        output.write(
          "\(moved.segment) at byte \(moved.position): \(moved.bytes) bytes moved to \(moved.path)\n")
      }
      for range in done.lost { output.write("offsets \(CommandFailure.name(range)): gone\n") }
      if done.cutBytes > 0 { output.write("\(done.cutBytes) bytes cut behind the last batch\n") }
      for base in rebuilt { output.write("index of the segment at \(base) made anew\n") }
      Verification.write(table: left, to: &output)
      if left.isEmpty { output.write("\(log.path): whole\n") }
      return
    }
    output.write(UInt8(ascii: "{"))
    JSON.write("path", log.path, to: &output, isFirst: true)
    JSON.write("dryRun", false, to: &output)
    JSON.write("cutBytes", done.cutBytes, to: &output)
    JSON.write(key: "salvagedSegments", to: &output)
    write(json: done.salvaged, &output)
    JSON.write(key: "rebuiltIndexes", to: &output)
    write(json: rebuilt, &output)
    JSON.write(key: "quarantined", to: &output)
    for (place, moved) in done.quarantined.enumerated() {
      output.write(place == 0 ? "[{" : ",{" as StaticString)
      JSON.write("file", moved.path, to: &output, isFirst: true)
      JSON.write("segment", moved.segment, to: &output)
      JSON.write("position", moved.position, to: &output)
      JSON.write("bytes", moved.bytes, to: &output)
      output.write(UInt8(ascii: "}"))
    }
    output.write(done.quarantined.isEmpty ? "[]" : "]" as StaticString)
    Verification.write(json: left, to: &output)
    Verification.write(json: done.lost, to: &output)
    output.write("}\n" as StaticString)
  }

  private static func write(json offsets: [Offset], _ output: inout Output) {
    output.write(UInt8(ascii: "["))
    for (place, offset) in offsets.enumerated() {
      if place > 0 { output.write(UInt8(ascii: ",")) }
      output.write(offset.rawValue)
    }
    output.write(UInt8(ascii: "]"))
  }
}

extension VerificationReport.Damage {
  /// Whether it is in something that can be made anew.
  fileprivate var isIndex: Bool { kind == .offsetIndex || kind == .timeIndex }
}

/// Copies the files of a log into a new folder.
private struct LogCopy {
  let source: String
  let target: String
  private var fileSystem: any FileSystem { LogEnvironment.system.fileSystem }

  init(from place: LogPlace, to target: String) throws(CommandFailure) {
    try place.requireSegments()
    source = place.path
    self.target = target
    if let writer = WriterLock.holder(of: SegmentFiles.path(source, SegmentFiles.lockFileName)) {
      throw .refused("\(source): open for writing by \(writer); a copy would be torn")
    }
  }

  func run() throws(CommandFailure) {
    try system { () throws(IOError) in
      do throws(IOError) { try fileSystem.createDirectory(target) } catch {
        guard error.code == .alreadyExists else { throw error }
        throw IOError(
          .alreadyExists, operation: "copy", path: target, detail: "it is there already; name a new folder")
      }
      for name in try fileSystem.list(source).sorted() where name != SegmentFiles.lockFileName {
        let path = SegmentFiles.path(source, name)
        guard try fileSystem.metadata(path)?.kind == .file else { continue }
        try copy(path, to: SegmentFiles.path(target, name))
      }
      try fileSystem.synchronizeDirectory(target)
    }
  }

  private func copy(_ path: String, to copyPath: String) throws(IOError) {
    let from = try fileSystem.open(path, .read)
    defer { from.close() }
    let to = try fileSystem.open(copyPath, .createNew)
    defer { to.close() }
    let piece = ByteBuffer(capacity: 128 << 10)
    var position: Int64 = 0
    while true {
      piece.count = try piece.withMutableBytes(from: 0, count: piece.capacity) { bytes throws(IOError) in
        try from.read(into: &bytes, at: position)
      }
      guard piece.count > 0 else { break }
      try to.write(piece.bytes, at: position)
      position += Int64(piece.count)
    }
    try to.synchronize()
  }
}
