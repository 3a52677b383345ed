import Foundation
import Testing

/// The calls that the simulated disk records are the system calls that a real run makes: so what is shown of
/// crashes there is shown of the program that runs here.
@Suite struct SystemCallTests {
  static let workloads = [
    "open", "synced", "buffered", "pair", "buffered+flush", "synced+synced+synced",
    "buffered+buffered+pair+flush",
    "close", "synced+close", "buffered+reopen+synced", "buffered+killed+synced", "pair+synced+killed",
    "synced+synced+synced+close", "synced+killed+killed+close",
    "written+synced+prepare+synced+synced+prepare+synced+close", "written+prepare+buffered+killed+synced",
    "mapped+buffered+synced+pair+close",
    "written+mapped+prepare+synced+buffered+synced+prepare+killed+synced",
  ]

  /// What strace shows of one call, in the words of the simulation; nil for calls that change nothing.
  static func normalised(_ line: String, _ folder: String, _ mapped: inout [String: String]) -> String? {
    guard let open = line.firstIndex(of: "("), let close = line.range(of: ") = ", options: .backwards) else {
      return nil
    }
    // With -f a line may begin with the thread.
    let name = line[..<open].split(separator: " ").last.map(String.init) ?? ""
    let arguments = line[line.index(after: open)..<close.lowerBound]
    let result = line[close.upperBound...]
    let fields = arguments.components(separatedBy: ", ")
    // A descriptor is followed by its path: 4</tmp/…/log/0.log>.
    func path(_ field: String) -> String {
      guard let start = field.firstIndex(of: "<"), let end = field.lastIndex(of: ">") else {
        return String(field.split(separator: "\"", omittingEmptySubsequences: false).dropFirst().first ?? "")
      }
      let whole = String(field[field.index(after: start)..<end])
      if whole == folder { return "." }
      return whole.hasPrefix(folder + "/") ? String(whole.dropFirst(folder.count + 1)) : whole
    }
    let isOurs = { (path: String) in path == "." || path == "log" || path.hasPrefix("log/") }
    let first = path(fields[0])
    switch name {
    case "openat":
      let path = path(fields[1])
      if !isOurs(path) || arguments.contains("O_DIRECTORY") || result.hasPrefix("-1") { return nil }
      return path.hasSuffix(".lock") ? "lock \(path)" : "open \(path)"
    case "mmap":
      guard fields.count == 6, isOurs(path(fields[4])) else { return nil }
      let file = path(fields[4])
      mapped[String(result.prefix { !$0.isWhitespace })] = file
      return "map \(file) length \(fields[1])"
    case "msync": return mapped[fields[0]].map { "synchronizeMapping \($0)" }
    case _ where first.hasSuffix(".lock") || !isOurs(first): return nil
    case "pwrite64", "pwritev":
      return "write \(first) at \(fields.last!) length \(result.prefix { $0.isNumber })"
    case "fallocate": return "preallocate \(first) at \(fields[2]) length \(fields[3])"
    case "ftruncate": return "resize \(first) at \(fields[1])"
    case "fdatasync": return "synchronize \(first)"
    case "fsync": return "synchronizeDirectory \(first)"
    case "rename": return "rename \(first) to \(path(fields[1]))"
    case "unlink": return result.hasPrefix("-1") ? nil : "remove \(first)"
    case "mkdir": return "createDirectory \(first)"
    default: return nil
    }
  }

  /// Of the simulation's calls those that open, change or synchronise.
  static func changing(_ line: String) -> String? {
    let operation = line.prefix { $0 != " " }
    if ["list", "metadata", "fileMetadata", "read", "close", "unlock", "store", "freeSpace"].contains(
      operation)
    {
      return nil
    }
    if line.contains(" throws ") { return nil }
    guard operation == "synchronizeMapping" else { return line }
    // The system's call speaks of whole pages.
    return line.split(separator: " ").prefix(2).joined(separator: " ")
  }

  @Test(arguments: workloads) func theSimulationRecordsTheCallsOfARealRun(steps: String) throws {
    guard let strace = Programs.find("strace") else {
      if ProcessInfo.processInfo.environment["CI"] == "true" { Issue.record("strace is not installed") }
      return skip("strace is not installed")
    }
    let scratch = try Scratch()
    let simulated = try Programs.run(Programs.helper, ["simulated", steps], in: scratch)
    #expect(simulated.status == 0)
    let trace = try Programs.run(
      strace,
      [
        "-f", "-y", "-qq", "-a", "1", "-s", "0", "-e", "trace=%file,%desc,msync", "-o", "trace",
        Programs.helper, "real",
        steps,
      ],
      in: scratch)
    guard trace.status == 0 else { return skip("strace may not trace here: \(trace.errors.prefix(200))") }
    let text = try String(contentsOfFile: scratch("trace"), encoding: .utf8)
    let folder = URL(filePath: scratch.path).resolvingSymlinksInPath().path
    var mapped: [String: String] = [:]
    let real = text.split(separator: "\n").compactMap { Self.normalised(String($0), folder, &mapped) }
    let expected = simulated.lines.compactMap(Self.changing)
    #expect(expected.count > 8)
    #expect(real == expected, "\(zip(real, expected).first { $0 != $1 } as Any)")
  }
}
