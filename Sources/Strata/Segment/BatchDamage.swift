package import StrataIO
package import StrataRecords

/// Bytes that are no batch, where one should be.
package struct BatchDamage: Sendable {
  /// Where the batch should be, in bytes from the start of the file.
  package var position: Int64
  /// Why it is none.
  package var reason: FormatError
  /// The header as far as there is one. Nothing of it can be believed.
  package var header: RecordBatchHeader?

  /// The whole batch that lies where the broken header says that its own ends; nil where there is none.
  ///
  /// Only such a one may be served. Nothing is searched for byte by byte: a record's value may be a whole batch,
  /// with the very next offset. The offsets have to lie in `expected..<bound`, and the epoch may not be below `epoch`.
  package func batchBehind(
    in file: any File, end: Int64, expected: Offset, bound: Offset, epoch: LeaderEpoch, limits: ParsingLimits
  ) throws(IOError) -> (position: Int64, batch: RecordBatch)? {
    guard let header, header.batchLength >= RecordBatchHeader.leastBatchLength,
      header.sizeInBytes <= limits.batchBytes, position + Int64(header.sizeInBytes) < end
    else { return nil }
    let behind = position + Int64(header.sizeInBytes)
    var reader = BatchFileReader(position: behind, expectedOffset: expected, limits: limits)
    guard case .batch(let batch) = try reader.next(in: file, end: end, bound: bound),
      batch.header.partitionLeaderEpoch >= epoch
    else { return nil }
    return (behind, batch)
  }
}
