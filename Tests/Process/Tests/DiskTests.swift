import Foundation
import Testing

/// Real file systems that are full, and real calls that fail.
@Suite struct DiskTests {
  /// Runs the scene on a file system of a few megabytes, mounted where nobody else sees it.
  private func fill(_ scratch: Scratch, _ mount: String, _ namespace: [String]) throws -> Finished {
    try FileManager.default.createDirectory(atPath: scratch("mounted"), withIntermediateDirectories: true)
    let script = "\(mount) && exec \(Programs.helper) fill \(scratch("mounted"))"
    return try Programs.run("/usr/bin/unshare", namespace + ["/bin/sh", "-c", script], in: scratch)
  }

  /// How this process may mount something; nil where it may not.
  private func namespace(_ scratch: Scratch) throws -> [String]? {
    guard Programs.find("unshare") == "/usr/bin/unshare" else { return nil }
    for options in [["-m"], ["-Urm"]] {
      let script = "mkdir -p try && mount -t tmpfs -o size=64k none try"
      if try Programs.run("/usr/bin/unshare", options + ["/bin/sh", "-c", script], in: scratch).status == 0 {
        return options
      }
    }
    return nil
  }

  private func expectWhole(_ finished: Finished) {
    #expect(finished.status == 0, "\(finished.output.suffix(300)) \(finished.errors.suffix(600))")
    #expect(finished.lines.count == 2, "\(finished)")
    #expect(finished.lines.last?.hasPrefix("whole") == true)
    let counts = finished.lines.compactMap { Int($0.split(separator: " ")[1]) }
    #expect(counts.count == 2 && counts[0] > 1000 && counts[1] == counts[0] + 50)
  }

  @Test func aLogOnAFullTmpfsGoesOnWhenThereIsRoom() throws {
    let scratch = try Scratch()
    guard let namespace = try namespace(scratch) else { return skip("no rights to mount a tmpfs") }
    let finished = try fill(scratch, "mount -t tmpfs -o size=4m none \(scratch("mounted"))", namespace)
    expectWhole(finished)
    print("full tmpfs: \(finished.lines.joined(separator: ", "))")
  }

  @Test func aLogOnAFullExt4GoesOnWhenThereIsRoom() throws {
    let scratch = try Scratch()
    guard try namespace(scratch) == ["-m"], let make = Programs.find("mkfs.ext4") else {
      return skip("no rights to mount, or no mkfs.ext4")
    }
    let image = scratch("image")
    let prepare = "truncate -s 8M \(image) && \(make) -q -m 0 -J size=1 \(image)"
    let tried = try Programs.run("/bin/sh", ["-c", prepare], in: scratch)
    guard tried.status == 0 else { return skip("mkfs.ext4 failed: \(tried.errors)") }
    let mount = "mount -o loop \(image) \(scratch("mounted"))"
    let probe = try Programs.run(
      "/usr/bin/unshare", ["-m", "/bin/sh", "-c", "mkdir -p mounted && \(mount)"], in: scratch)
    guard probe.status == 0 else { return skip("no loop device: \(probe.errors)") }
    let finished = try fill(scratch, mount, ["-m"])
    expectWhole(finished)
    print("full ext4: \(finished.lines.joined(separator: ", "))")
  }

  @Test(arguments: [1, 3])
  func aFailedSyncPoisonsTheLogAndReopeningRecovers(number: Int) throws {
    let scratch = try Scratch()
    let finished = try Programs.run(Programs.helper, ["fail", scratch("log"), "\(number)"], in: scratch)
    #expect(
      finished.lines == [
        "append poisoned", "append poisoned", "flush poisoned", "wait poisoned", "durable true",
        "close poisoned",
        "clean false rewritten true", "whole",
      ], "\(finished)")
    #expect(finished.status == 0)
  }
}
