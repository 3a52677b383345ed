internal import StrataIO
internal import StrataRecords

/// Going over many bytes of a file, a piece at a time.
extension File {
  private static var pieceBytes: Int64 { 128 << 10 }

  /// Whether `range` holds nothing but zeros; what lies behind the file's end counts as zeros.
  func isZero(_ range: Range<Int64>) throws(IOError) -> Bool {
    var isZero = true
    try forEachPiece(of: range) { bytes, _ throws(IOError) in
      for place in bytes.indices where bytes[place] != 0 {
        isZero = false
        return false
      }
      return true
    }
    return isZero
  }

  /// `range` without the zeros at its end.
  func content(of range: Range<Int64>) throws(IOError) -> Range<Int64> {
    var end = range.lowerBound
    try forEachPiece(of: range) { bytes, start throws(IOError) in
      if let last = bytes.indices.last(where: { bytes[$0] != 0 }) { end = start + Int64(last) + 1 }
      return true
    }
    return range.lowerBound..<end
  }

  /// Writes the bytes of `range` into `target`, from `position` on. Source and target may be the same place.
  func copy(_ range: Range<Int64>, to target: any File, at position: Int64) throws(IOError) {
    try forEachPiece(of: range) { bytes, place throws(IOError) in
      try target.write(bytes, at: position + place - range.lowerBound)
      return true
    }
  }

  /// Whether all bytes of this file are those of `other` from `position` on.
  func isEqual(to other: any File, from position: Int64) throws(IOError) -> Bool {
    let piece = ByteBuffer(capacity: Int(Self.pieceBytes))
    var isEqual = true
    try forEachPiece(of: 0..<(try metadata().size)) { bytes, place throws(IOError) in
      piece.count = try piece.withMutableBytes(from: 0, count: bytes.count) { span throws(IOError) in
        try other.read(into: &span, at: position + place)
      }
      isEqual = piece.count == bytes.count
      let others = piece.bytes
      for place in bytes.indices where isEqual { isEqual = bytes[place] == others[place] }
      return isEqual
    }
    return isEqual
  }

  /// The first `count` bytes, in memory.
  func copyIntoMemory(_ count: Int) throws(IOError) -> HeapMapping {
    let copy = HeapMapping(count: count)
    try self.copy(from: 0, count: count, into: copy)
    return copy
  }

  /// Copies `count` bytes from `position` on to the start of `target`. What the file does not have stays as it is.
  func copy(from position: Int64, count: Int, into target: HeapMapping) throws(IOError) {
    try forEachPiece(of: position..<position + Int64(count)) { bytes, place throws(IOError) in
      target.store(bytes, at: Int(place - position))
      return true
    }
  }

  /// Calls `body` with each piece and its place, as long as it returns true.
  private func forEachPiece(
    of range: Range<Int64>, _ body: (Span<UInt8>, Int64) throws(IOError) -> Bool
  ) throws(IOError) {
    let piece = ByteBuffer(capacity: Int(min(Self.pieceBytes, max(1, range.upperBound - range.lowerBound))))
    var position = range.lowerBound
    while position < range.upperBound {
      let wanted = Int(min(Int64(piece.capacity), range.upperBound - position))
      let place = position
      piece.count = try piece.withMutableBytes(from: 0, count: wanted) { bytes throws(IOError) in
        try self.read(into: &bytes, at: place)
      }
      guard piece.count > 0, try body(piece.bytes, place) else { return }
      position += Int64(piece.count)
    }
  }
}

/// Does what can be done without. False where there is no room for it.
func orWithoutRoom(_ body: () throws(IOError) -> Void) throws(IOError) -> Bool {
  do throws(IOError) { try body() } catch {
    guard error.code == .noSpace, error.operation == "write" else { throw error }
    return false
  }
  return true
}
