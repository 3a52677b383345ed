internal import StrataFuzzTargets

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Darwin)
  internal import Darwin
#endif

// Two programs. With -DFUZZING, and libFuzzer linked in (`Scripts/fuzz`), one that libFuzzer drives; else one that
// replays files. STRATA_FUZZ_TARGET names the target in both.

let target: FuzzTarget = {
  let name = unsafe getenv("STRATA_FUZZ_TARGET").map { unsafe String(cString: $0) } ?? ""
  guard let target = FuzzTarget(rawValue: name) else {
    let names = FuzzTarget.allCases.map(\.rawValue).joined(separator: ", ")
    fatalError("STRATA_FUZZ_TARGET has to be one of \(names)")
  }
  return target
}()

#if FUZZING
  /// libFuzzer's own mutations. Three words of arguments are passed alike in C and in Swift.
  @_silgen_name("LLVMFuzzerMutate")
  func libFuzzerMutate(_ data: UnsafeMutablePointer<UInt8>, _ size: Int, _ maximum: Int) -> Int

  @_cdecl("LLVMFuzzerTestOneInput")
  public func testOneInput(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    let input = unsafe Array(UnsafeBufferPointer(start: data, count: size))
    do throws(Finding) { try target.run(input) } catch { fatalError("\(target): \(error)") }
    return 0
  }

  /// Mutates, and mends three of four: without that nothing gets behind a checksum.
  @_cdecl("LLVMFuzzerCustomMutator")
  public func mutate(
    _ data: UnsafeMutablePointer<UInt8>, _ size: Int, _ maximum: Int, _ seed: UInt32
  ) -> Int {
    let count = unsafe libFuzzerMutate(data, size, maximum)
    guard seed & 3 != 0 else { return count }
    var input = unsafe Array(UnsafeBufferPointer(start: data, count: count))
    target.repair(&input, choice: seed >> 2)
    guard input.count <= maximum else { return count }
    for (place, byte) in input.enumerated() { unsafe data[place] = byte }
    return input.count
  }
#else
  @main
  enum Replay {
    /// Gives each file to the target. `--seeds FOLDER` writes the inputs with which a corpus begins instead.
    static func main() {
      let arguments = CommandLine.arguments.dropFirst()
      if arguments.first == "--seeds", let folder = arguments.last {
        for (number, seed) in target.seeds().enumerated() { write(seed, to: "\(folder)/seed-\(number)") }
        return
      }
      for path in arguments {
        do throws(Finding) { try target.run(read(path)) } catch { fatalError("\(path): \(error)") }
      }
      print("\(target): \(arguments.count) inputs")
    }

    private static func read(_ path: String) -> [UInt8] {
      guard let file = unsafe fopen(path, "r") else { fatalError("\(path) cannot be read") }
      defer { unsafe fclose(file) }
      var bytes: [UInt8] = []
      while true {
        let byte = unsafe getc(file)
        if byte == EOF { return bytes }
        bytes.append(UInt8(truncatingIfNeeded: byte))
      }
    }

    private static func write(_ bytes: [UInt8], to path: String) {
      guard let file = unsafe fopen(path, "w") else { fatalError("\(path) cannot be written") }
      for byte in bytes { unsafe putc(Int32(byte), file) }
      unsafe fclose(file)
    }
  }
#endif
