public import StrataIO
internal import StrataLock

/// A machine's disk, clocks and I/O thread, all in memory, deterministic, and hostile within the rules.
///
/// A program that reaches files through `environment` alone runs on it unchanged. The disk loses its power at
/// one call; `afterCrash()` is the same machine restarted, with what survived:
///
///     for seed in UInt64(0)..<1_000 {
///       let disk = SimulatedDisk(seed: seed)
///       do { try run(disk.environment) } catch { guard disk.hasCrashed else { throw error } }
///       try check(disk.afterCrash())
///     }
///
/// `CrashExplorer` does that for every call and every outcome.
///
/// ## The fault model
///
/// Each file, and each directory, has two images: *written*, which every call of this life sees, and
/// *durable*.
///
/// - **Bytes.** `File.synchronize()` makes all bytes and the size durable; `Mapping.synchronize(_:)` the
///   pages of its range, and the size. What is not durable when the power goes survives page by page (4 KiB):
///   as on the disk, as written, as it was between two writes, or torn between sectors of 512 bytes. A mapped
///   page is no different: a store may reach the disk before any synchronisation.
/// - **Size.** It survives apart from the bytes: size without data gives zeros, data without size is lost.
///   Cutting, growing and `preallocate` without `keepingSize` change the size like any write. A cut that does
///   not survive leaves the pages behind it; the page that it went through may come back zeroed behind the
///   cut, as where ext4 writes the page and not yet the size.
/// - **Names.** `synchronizeDirectory(_:)` makes the creations, renames, links and removals in one directory
///   durable. Each pending one survives as a whole or not, in any combination with others and with any bytes:
///   two renames may reach the disk in either order, a file whose bytes are durable may have no name. Only
///   changes of the same name keep their order (`SurvivalModel.NameOrder`). Synchronising a file does not
///   make its name durable, though some file systems do that.
/// - **Locks** end with the power. The holder's name in a lock file is durable at once, so that it does not
///   multiply the states; the file's own name is not.
/// - **Reservations** (`preallocate` with `keepingSize`) survive only if a synchronisation of the file
///   followed.
/// - **Failed calls** are `FaultRule`s: any error at any call, short writes, synchronisations that fail as on
///   ext4, XFS and Btrfs, synchronisations that do nothing, lost and misdirected writes, flipped bits. A disk
///   with a `capacity` fills up; a write that does not fit stores its first pages and throws `.noSpace`. A
///   failed synchronisation of a directory leaves its changes pending.
/// - **Rot** is done by hand: `flipBit(_:ofByte:in:)`, `overwrite(_:at:with:)`.
/// - **Misuse traps**: use after `close()`, stores outside of a mapping or behind the end of its file. Bytes
///   read there are 0xDB, where a real machine raises SIGBUS.
///
/// Not modelled: stale blocks of other files showing up behind an unsynchronised size; damage to directories
/// and to what was durable, other than by hand; links to paths, permissions, time stamps that get lost; other
/// processes.
///
/// ## Determinism
///
/// The same seed and the same calls give the same answers, the same crash and the same survivors. That holds
/// for a program with one thread, or whose threads take strict turns. The disk may be used from any number of
/// threads at once, but then their timing decides.
public final class SimulatedDisk: Sendable {
  /// When the power goes.
  @nonexhaustive
  public enum CrashPoint: Hashable, Sendable {
    case never
    /// Before the call with this number (from 1) does anything.
    case before(call: Int)
    /// When the call has done its work, but nobody has heard of it.
    case after(call: Int)
    /// Before or after a call that the seed picks from `1..<limit`, small numbers as often as large ones.
    case seeded(limit: Int)
  }

  public struct Options: Sendable {
    /// Bytes that the disk holds, in pages of 4 KiB; nil: no limit. Names take no room.
    public var capacity: Int64?
    /// Files and locks that may be open at once; nil: no limit.
    public var openFileLimit: Int?
    /// How the survivors are counted out.
    public var survival = SurvivalModel()
    /// How far each call moves the clocks.
    public var nanosecondsPerCall: Int64 = 10_000
    /// When jobs of the I/O thread run.
    public var ioThread = IOThreadMode.background
    /// Whether `calls` is kept.
    public var recordsCalls = true
    /// Who asks for locks.
    public var holder = "simulated process"

    public init() {}
  }

  public let seed: UInt64
  public let options: Options
  let state: Lock<DiskState>
  let ioThread: SimulatedIOThread

  /// An empty disk that loses its power at a call that the seed picks, if the program gets that far.
  ///
  /// Give `crashAt` to pick it yourself. The first of `faults` that fits a call is played.
  public convenience init(
    seed: UInt64, crashAt: CrashPoint = .seeded(limit: 1024), faults: [FaultRule] = [],
    options: Options = Options()
  ) {
    let time = SimulatedTime()
    self.init(
      DiskImage(time: time.wall), time, seed: seed, crashAt: crashAt, faults: faults, options: options)
  }

  init(
    _ image: DiskImage, _ time: SimulatedTime, seed: UInt64, crashAt: CrashPoint, faults: [FaultRule],
    options: Options
  ) {
    self.seed = seed
    self.options = options
    ioThread = SimulatedIOThread(options.ioThread)
    state = Lock(
      DiskState(
        image: image, time: time, crashPoint: crashAt.resolved(seed), rules: faults,
        random: SplitMix64(seed: seed, stream: Stream.faults)))
  }

  /// What the program under test lives in.
  public var environment: LogEnvironment {
    LogEnvironment(
      fileSystem: SimulatedFileSystem(self),
      monotonicNanoseconds: { self.state.withLock { $0.time.monotonic } },
      wallClockMilliseconds: { self.state.withLock { $0.time.wall } },
      ioThread: ioThread, holder: options.holder)
  }

  public var clock: SimulatedClock { SimulatedClock(disk: self) }

  // MARK: The crash

  /// Whether the power is gone. From then on every call throws `IOError.isPowerLoss`.
  public var hasCrashed: Bool { state.withLock { $0.crashed != nil } }

  /// Takes the power away now.
  public func crash() {
    state.withLock { $0.crash("after call \($0.callCount)") }
  }

  /// The machine after its restart, on what survived; the seed chooses that, the same each time. A disk that
  /// has not crashed yet does so now.
  public func afterCrash() -> LogEnvironment {
    restarted().environment
  }

  /// The disk of `afterCrash()`, which may crash again.
  public func restarted(crashAt: CrashPoint = .never, faults: [FaultRule] = []) -> SimulatedDisk {
    crash()
    var random = SplitMix64(seed: seed, stream: Stream.survival)
    return restarted(
      into: survivingStates().sample(seed: random.next()), crashAt: crashAt, faults: faults)
  }

  /// The machine after a restart with this outcome of a crash. This disk goes on, if it still runs.
  public func restarted(
    into survivor: SurvivingState, crashAt: CrashPoint = .never, faults: [FaultRule] = []
  ) -> SimulatedDisk {
    var random = SplitMix64(seed: seed, stream: Stream.restart)
    return SimulatedDisk(
      survivor.image, state.withLock { $0.time.afterRestart() }, seed: random.next(), crashAt: crashAt,
      faults: faults, options: options)
  }

  /// Every state in which the disk may be found if the power goes, or went, now.
  public func survivingStates(_ model: SurvivalModel? = nil) -> SurvivingStates {
    SurvivingStates(state.withLock { $0.image }, model ?? options.survival)
  }

  /// Another disk with the same contents, written and durable, and the same time. It shares nothing with this
  /// one; files, mappings and locks stay behind. Costs no more than a few references.
  public func fork(crashAt: CrashPoint = .never, faults: [FaultRule] = []) -> SimulatedDisk {
    let (image, time) = state.withLock { ($0.image, $0.time) }
    return SimulatedDisk(
      image.closed(), time, seed: seed, crashAt: crashAt, faults: faults, options: options)
  }

  // MARK: Faults and jobs

  /// Adds a rule behind those that are there; it counts calls from now on.
  public func add(_ rule: FaultRule) {
    state.withLock { $0.rules.append(rule) }
  }

  /// From now on nothing fails.
  public func removeFaults() {
    state.withLock { $0.rules = [] }
  }

  /// How often a fault was played.
  public var playedFaultCount: Int { state.withLock { $0.playedFaultCount } }

  /// Jobs that wait for the I/O thread.
  public var pendingJobCount: Int { ioThread.pendingJobCount }

  /// Runs the jobs of the I/O thread, and those that they enqueue, at most `limit`. Returns how many ran. For
  /// `IOThreadMode.stepped`.
  @discardableResult
  public func runPendingJobs(atMost limit: Int = .max) -> Int {
    var count = 0
    while count < limit, ioThread.runNext() { count += 1 }
    return count
  }
}

extension SimulatedDisk: CustomStringConvertible {
  /// What is needed to see a failure again: "seed 123, crash before call 45 (write wal/0.log at 0 length
  /// 61)".
  public var description: String {
    state.withLock { state in
      "seed \(seed), " + (state.crashed.map { "crash \($0)" } ?? "no crash in \(state.callCount) calls")
    }
  }
}

/// The labels of the streams that are drawn from one seed.
enum Stream {
  static let crashPoint: UInt64 = 1
  static let survival: UInt64 = 2
  static let faults: UInt64 = 3
  static let restart: UInt64 = 4
  static let samples: UInt64 = 5
}

extension SimulatedDisk.CrashPoint {
  func resolved(_ seed: UInt64) -> Self {
    guard case .seeded(let limit) = self else { return self }
    precondition(limit > 1, "there is no call to crash at")
    var random = SplitMix64(seed: seed, stream: Stream.crashPoint)
    let magnitude = 1 << random.below(Int.bitWidth - (limit - 1).leadingZeroBitCount)
    let number = min(limit - 1, magnitude + random.below(magnitude))
    return random.chance(1, in: 2) ? .before(call: number) : .after(call: number)
  }
}

extension IOError {
  /// Whether the call failed because the simulated machine has lost its power.
  public var isPowerLoss: Bool { code == .other && detail == Self.powerLossDetail }

  static let powerLossDetail = "the simulated machine has lost its power"

  static func powerLoss(_ call: Call) -> IOError {
    IOError(.other, operation: call.operation.name, path: call.path, detail: powerLossDetail)
  }
}
