internal import StrataIO
internal import StrataLock
internal import Synchronization

/// All that changes of a simulated disk, behind its one lock.
struct DiskState: Sendable {
  /// Who holds a lock file.
  struct Holders: Sendable {
    var exclusive = 0
    var shared = 0
  }

  var image: DiskImage
  var time: SimulatedTime
  let crashPoint: SimulatedDisk.CrashPoint
  var rules: [FaultRule]
  /// Decides what is left to chance while the machine runs.
  var random: SplitMix64

  var calls: [Call] = []
  var callCount = 0
  var playedFaultCount = 0
  /// When the power went, in words.
  var crashed: String?

  var openFileCount = 0
  var openMappingCount = 0
  var locks: [Int: Holders] = [:]
  /// The memory of the mappings of each file.
  var mappings: [Int: [MappingBuffer]] = [:]
  /// Sees the disk before each call. For `CrashExplorer`.
  var observer: (@Sendable (Call, DiskImage, SimulatedTime) -> Void)?

  init(
    image: DiskImage, time: SimulatedTime, crashPoint: SimulatedDisk.CrashPoint, rules: [FaultRule],
    random: SplitMix64
  ) {
    self.image = image
    self.time = time
    self.crashPoint = crashPoint
    self.rules = rules
    self.random = random
  }

  mutating func crash(_ moment: String) {
    if crashed == nil { crashed = moment }
  }

  /// Everything that happens before a call does its work: it gets its number, time passes, the power may go,
  /// a fault may be due. Returns false once the power is gone.
  mutating func begin(_ call: inout Call, _ options: SimulatedDisk.Options) -> Bool {
    guard crashed == nil else { return false }
    callCount += 1
    call.number = callCount
    time.monotonic += options.nanosecondsPerCall
    observer?(call, image, time)
    if crashPoint == .before(call: callCount) {
      crash("before call \(callCount) (\(call))")
      return false
    }
    for index in rules.indices where rules[index].plays(on: call, &random) {
      playedFaultCount += 1
      call.fault = rules[index].fault
      if case .delay(let nanoseconds) = rules[index].fault { time.monotonic += nanoseconds }
      break
    }
    return true
  }

  /// Everything that happens once it is done. Returns false if the power goes now.
  mutating func end(_ call: Call, _ options: SimulatedDisk.Options) -> Bool {
    if options.recordsCalls { calls.append(call) }
    if crashPoint == .after(call: call.number) { crash("after call \(call.number) (\(call))") }
    return crashed == nil
  }

  // MARK: Changes to files, with their mappings

  /// Changes the bytes of a file in `range`, and shows that to its mappings.
  mutating func change(
    _ inode: Int, _ range: Range<Int>, _ body: (inout FileContent) -> Void
  ) {
    let time = time.wall
    let (before, after) = image.change(inode) { file in
      let before = file.written.size
      body(&file)
      file.modificationTime = time
      return (before, file.written.size)
    }
    guard let buffers = mappings[inode] else { return }
    let written = image.files[inode]!.written
    for buffer in buffers {
      buffer.load(written, range.clamped(to: 0..<max(0, after)))
      if after > before { buffer.load(written, before..<after) }
      if after < before { buffer.poison(from: after) }
    }
  }

  /// Shows all of a file to its mappings again.
  mutating func reload(_ inode: Int) {
    guard let buffers = mappings[inode] else { return }
    let written = image.files[inode]!.written
    for buffer in buffers {
      buffer.load(written, 0..<written.size)
      buffer.poison(from: written.size)
    }
  }

  /// Pages that can still be allocated.
  func freePages(_ options: SimulatedDisk.Options) -> Int {
    guard let capacity = options.capacity else { return Int.max }
    return max(0, Int(capacity) / Page.size - image.usedPages)
  }

  /// How many of `range`'s bytes, from its start, find room.
  func fittingLength(_ inode: Int, _ range: Range<Int>, _ options: SimulatedDisk.Options) -> Int {
    var free = freePages(options)
    let file = image.files[inode]!
    guard file.missingPages(range) > free else { return range.count }
    for page in FileImage.pageRange(range) where !file.allocated.contains(page) {
      guard free > 0 else { return max(0, page * Page.size - range.lowerBound) }
      free -= 1
    }
    return range.count
  }
}

extension SimulatedDisk {
  /// Plays one call: `body` does its work under the lock.
  func perform<Result: Sendable>(
    _ call: Call, _ body: (inout DiskState, Fault?) throws(Refusal) -> Result
  ) throws(IOError) -> Result {
    // A result that nobody gets, since the power went, is dropped outside of the lock: its end takes the lock
    // again.
    let (result, isOn) = try state.withLock {
      (state: inout sending DiskState) throws(IOError) -> (Result, Bool) in
      var call = call
      guard state.begin(&call, options) else { throw .powerLoss(call) }
      do throws(Refusal) {
        if case .error(let code) = call.fault {
          throw Refusal(code: code, systemCode: code.systemCode, words: "simulated fault: \(code)")
        }
        let result = try body(&state, call.fault)
        return (result, state.end(call, options))
      } catch {
        call.error = error.code
        guard state.end(call, options) else { throw .powerLoss(call) }
        throw IOError(
          error.code, operation: call.operation.name, path: call.path, systemCode: error.systemCode,
          detail: error.words)
      }
    }
    guard isOn else { throw .powerLoss(call) }
    return result
  }

  /// Plays a call that cannot throw. `body` does not run once the power is gone.
  func performQuietly(_ call: Call, _ body: (inout DiskState, Fault?) -> Void) {
    state.withLock { state in
      var call = call
      guard state.begin(&call, options) else { return }
      body(&state, call.fault)
      _ = state.end(call, options)
    }
  }
}
