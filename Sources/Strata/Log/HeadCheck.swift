internal import StrataIO
internal import StrataRecords

/// Compares the heads that a reader comes to with the seal, an interval at a time: before the first batch of an
/// interval is handed out, all of them are looked at, in the bytes that are read for the batches anyway.
///
/// What a closed interval was found to be is noted in the seal, so that it is looked at once in the life of a log.
/// The open interval, at the end of the active segment, is looked at by every reader, as far as it came to it.
struct HeadCheck: Sendable {
  /// A batch whose head is not what it was when it was written.
  struct Damage: Sendable {
    var position: Int64
    var right: RecordBatchHeader
  }

  private var seal: CountedSeal?
  /// Nothing has to be compared before this position.
  private(set) var end: Int64 = 0
  /// The digest of the heads before it; means something while reading goes straight on.
  private var digest: UInt32 = 0
  /// The interval that ends there.
  private var interval = 0
  private var word = 0
  private var checkedOfWord: UInt64 = 0
  /// What was found before `end`.
  private(set) var damage: Damage?

  init() {}

  /// Whether intervals are compared that were compared before.
  private var comparesAgain = false

  /// `again`: for who is going to write a seal of its own, and has to know now.
  init(_ seal: CountedSeal?, again: Bool = false) {
    self.seal = seal
    comparesAgain = again
    if let seal { checkedOfWord = seal.seal.checkedIntervals(word: 0) }
    if seal == nil { end = .max }
  }

  /// Whether nothing is known of the heads.
  var knowsNothing: Bool { seal == nil }

  /// Reading goes on somewhere else.
  mutating func move() {
    guard seal != nil else { return }
    end = 0
    damage = nil
  }

  /// The segment reaches further by now.
  mutating func extend(_ seal: CountedSeal?) {
    self.seal = seal
    if seal == nil { end = .max }
  }

  /// Compares the interval in which `reader` is. `limit` is where the segment's batches end.
  mutating func compare(
    _ reader: inout BatchFileReader, _ file: any File, limit: Int64, limits: ParsingLimits
  ) throws(IOError) {
    guard let seal else { return }
    let place = reader.position
    guard place < min(limit, seal.end.position) else {
      end = limit
      return
    }
    let hint = place == end ? interval + 1 : interval
    let goesOn = place == end && end > 0
    interval = seal.interval(at: place, hint: hint)
    let (from, to) = seal.interval(interval)
    let isClosed = interval < seal.count
    end = to.position
    damage = nil
    if isClosed, !comparesAgain, isChecked(interval, seal) { return }
    let known = goesOn && place > from.position ? SealPoint(position: place, digest: digest) : from
    digest = to.digest
    if known.position == place {
      let found = try reader.headDigest(
        behind: known.digest, to: to.position, in: file, end: limit)
      if found == to.digest {
        if isClosed { checkedOfWord = seal.seal.noteChecked(interval) }
        return
      }
    }
    switch try seal.inspect(interval, in: file, limits: limits) {
    case .whole: if isClosed { checkedOfWord = seal.seal.noteChecked(interval) }
    case .damaged(let position, let right): damage = Damage(position: position, right: right)
    // The reader comes to it, and says so.
    case .broken: break
    // Somebody else has written here since: what the seal says of it means nothing.
    case .ambiguous: if isClosed { checkedOfWord = seal.seal.noteChecked(interval) }
    }
  }

  private mutating func isChecked(_ interval: Int, _ seal: CountedSeal) -> Bool {
    if interval / 64 != word {
      word = interval / 64
      checkedOfWord = seal.seal.checkedIntervals(word: word)
    }
    return checkedOfWord & 1 << UInt64(interval % 64) != 0
  }
}
