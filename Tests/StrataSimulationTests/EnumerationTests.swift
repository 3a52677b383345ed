import StrataIO
import StrataSimulation
import Testing

/// The surviving states of a disk are counted exactly, and each is there once.
@Suite struct EnumerationTests {
  let disk = steadyDisk()
  var fileSystem: any FileSystem { disk.environment.fileSystem }

  /// That `count` is right, and that no two states are the same.
  func expect(_ count: Int, units: Int, _ model: SurvivalModel = SurvivalModel()) {
    let states = disk.survivingStates(model)
    #expect(states.count == count)
    #expect(states.units.count == units)
    #expect(disk.differentSurvivors(model) == count)
  }

  @Test func aQuietDiskHasOneState() {
    disk.install("a", page(1))
    expect(1, units: 0)
  }

  @Test func threeNewPagesAndACreation() throws {
    try disk.environment.write("a", page(1) + page(2) + page(3))
    // No file; or one of 0, or of 3 pages each of which is there or not.
    expect(1 + 1 + 8, units: 5, SurvivalModel(intermediateVersions: false))
    // Also of one page, and of two.
    expect(1 + 1 + 2 + 4 + 8, units: 5)
  }

  @Test func twelveDirtyPages() throws {
    disk.install("a", page(0, 12))
    try disk.environment.write("a", page(1, 12))
    expect(4096, units: 12)
  }

  @Test func sixteenUnitsOfEveryKind() throws {
    disk.install("a", page(0, 8))
    try disk.environment.write("a", page(1, 8))
    for name in ["b", "c", "d", "e"] { try disk.environment.write(name, []) }
    disk.install("f", page(0, 4))
    let mapping = try fileSystem.open("f", .readWrite).map(length: 4 * 4096, .readWrite)
    for page in 0..<4 { mapping.store([1].span, at: page * 4096) }
    let states = disk.survivingStates()
    #expect(states.count == 65536)
    #expect(states.units.count == 16)
    // Drawn across the whole range, no two are the same.
    var seen: Set<Int> = []
    for index in stride(from: 0, to: 65536, by: 257) {
      seen.insert(disk.restarted(into: states[index]).fingerprint)
    }
    #expect(seen.count == 256)
  }

  @Test func versionsInBetween() throws {
    disk.install("a", page(0))
    let file = try fileSystem.open("a", .readWrite)
    for byte in UInt8(1)...3 { try file.write([byte].span, at: Int64(byte)) }
    expect(4, units: 1)
    expect(2, units: 1, SurvivalModel(intermediateVersions: false))
    // Older ones are forgotten; the last four and the durable one stay.
    for byte in UInt8(4)...9 { try file.write([byte].span, at: Int64(byte)) }
    expect(5, units: 1)
  }

  @Test func whatMakesNoDifferenceIsNotCounted() throws {
    disk.install("a", page(1))
    let file = try fileSystem.open("a", .readWrite)
    try file.write(page(1).span, at: 0)
    expect(1, units: 0)
    // A file that is created and removed is not there either way; in between it was.
    try disk.environment.write("b", [])
    try fileSystem.remove("b")
    expect(2, units: 2)
  }

  @Test func theBytesOfAFileThatIsGoneAreNotCounted() throws {
    disk.install("a", page(1, 3))
    let file = try fileSystem.open("a", .readWrite)
    try file.write(page(2, 3).span, at: 0)
    try fileSystem.remove("a")
    expect(8 + 1, units: 4)
    try fileSystem.synchronizeDirectory(".")
    #expect(disk.survivors() == [[:]])
  }

  @Test func sectors() throws {
    disk.install("a", page(0))
    try disk.environment.write("a", [UInt8](repeating: 1, count: 2048))
    expect(2, units: 1)
    expect(5, units: 1, SurvivalModel(tearing: .sectorPrefixes))
    expect(16, units: 1, SurvivalModel(tearing: .sectors))
  }

  @Test func theFirstStateIsTheDurableOneAndEachIsDescribed() throws {
    disk.install("a", page(0))
    try disk.environment.write("a", page(1))
    try disk.environment.write("b", [1])
    let states = disk.survivingStates()
    #expect(disk.restarted(into: states[0]).snapshot == ["a": page(0)])
    #expect(states[1].description.contains("create b: survives") || states[1].description.contains("a: size"))
    #expect(states.units.map(\.description).contains("create b"))
    #expect(states.units.map(\.description).contains("page 0 of a"))
    #expect(states.units.map(\.description).contains("size of b"))
  }

  @Test func tooManyAreSampled() throws {
    let count = 50
    disk.install("a", page(0, count))
    try disk.environment.write("a", page(1, count))
    let states = disk.survivingStates()
    #expect(states.count == nil)
    #expect(states.units.count == count)
    var (none, all, torn) = (0, 0, 0)
    for seed in UInt64(0)..<100 {
      let bytes = disk.restarted(into: states.sample(seed: seed)).contents(of: "a")!
      // A sector is as before or as after; the sectors of a page need not agree.
      let sectors = stride(from: 0, to: bytes.count, by: 512).map { Array(bytes[$0..<$0 + 512]) }
      let old = [UInt8](repeating: 0, count: 512)
      let isNew = sectors.map { $0 != old }
      #expect(sectors.allSatisfy { $0 == old || $0 == [UInt8](repeating: 1, count: 512) })
      none += isNew.contains(true) ? 0 : 1
      all += isNew.contains(false) ? 0 : 1
      torn += (0..<count).contains { Set(isNew[$0 * 8..<$0 * 8 + 8]).count == 2 } ? 1 : 0
    }
    #expect(none > 3 && all > 3 && torn > 25, "\(none), \(all), \(torn)")
  }

  @Test func everySampleOfASmallDiskIsAmongTheEnumerated() throws {
    let model = SurvivalModel(tearing: .sectors)
    disk.install("a", [UInt8](repeating: 0, count: 1500))
    let file = try fileSystem.open("a", .readWrite)
    try file.write([1].span, at: 0)
    try file.write([1].span, at: 1400)
    try fileSystem.rename("a", to: "b")
    try disk.environment.write("c", [5])
    let all = disk.survivors(model)
    var sampled: Set<[String: [UInt8]]> = []
    for seed in UInt64(0)..<2000 {
      sampled.insert(disk.restarted(into: disk.survivingStates(model).sample(seed: seed)).snapshot)
    }
    #expect(sampled.isSubset(of: all))
    // The rarest of the 32, a torn page beside a size without data, comes once in 2,000 draws.
    #expect(all.count == 32 && sampled.count > 28, "\(sampled.count) of \(all.count)")
  }
}
