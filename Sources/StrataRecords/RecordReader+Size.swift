extension RecordReader {
  /// The bytes of the records still to come, decompressed: right after the reader was made those of all.
  package var remainingBytes: Int { unsafe end - position }
}
