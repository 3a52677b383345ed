import StrataIO
import Testing

/// Memory that behaves like a mapping.
struct HeapMappingTests {
  @Test func itBeginsWithZerosAndKeepsWhatIsStored() throws {
    let mapping: any Mapping = HeapMapping(count: 10_000)
    #expect(mapping.count == 10_000)
    #expect(mapping.array(0..<10_000) == [UInt8](repeating: 0, count: 10_000))
    mapping.store([1, 2, 3].span, at: 9_997)
    mapping.store(Span(), at: 10_000)
    #expect(mapping.array(9_996..<10_000) == [0, 1, 2, 3])
    try mapping.synchronize(0..<10_000)
  }

  @Test func nothingIsAMappingToo() throws {
    let mapping = HeapMapping(count: 0)
    #expect(mapping.array(0..<mapping.bytes.count) == [])
    try mapping.synchronize(0..<0)
  }

  @Test func storesOutsideTrap() async {
    await #expect(processExitsWith: .failure) { HeapMapping(count: 4).store([1, 2].span, at: 3) }
    await #expect(processExitsWith: .failure) { HeapMapping(count: 4).store([1].span, at: -1) }
  }
}
