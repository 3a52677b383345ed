/// Some records of a batch that lie behind one another, found again without reading those before them.
package struct RecordPiece: Hashable, Sendable {
  /// Where the first of them begins, in bytes behind the batch's header.
  package var position: Int
  /// The bytes of all of them.
  package var byteCount: Int
  /// The offset delta of the first one, and how many there are.
  package var firstDelta: Int
  package var count: Int

  package init(position: Int, byteCount: Int, firstDelta: Int, count: Int) {
    self.position = position
    self.byteCount = byteCount
    self.firstDelta = firstDelta
    self.count = count
  }
}

extension RecordReader {
  /// Reads the records of one piece, whose bytes begin at `start` of `buffer`. They are the batch's of `header`,
  /// which is not compressed, and whose `records()` did not throw.
  @_lifetime(immortal)
  package init(
    _ piece: RecordPiece, of header: RecordBatchHeader, in buffer: ByteBuffer, at start: Int,
    limits: ParsingLimits
  ) {
    self.init(header, in: buffer, at: start, piece.byteCount, limits)
    remaining = piece.count
    leastDelta = piece.firstDelta
  }

  /// Where the next record begins, in bytes from where this reader began.
  package var bytePosition: Int { unsafe position - start }
}
