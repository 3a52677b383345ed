internal import StrataIO

/// Every call that makes something durable, or changes what a name or a size means, by the name of its purpose.
///
/// What a crash leaves behind rests on these calls and on their order. Each has a name of its own so that the
/// crash tests can leave any one of them out, and have to notice.
package enum Barrier: String, CaseIterable, Sendable {
  /// The parents of a new log's folder know it.
  case parentDirectories
  /// A sync that was asked for: an append's, a flush's.
  case commit
  /// A full segment's records, before the next one gets its name.
  case rollOldSegment
  /// The next segment's name.
  case rollDirectory
  /// What was reserved behind a full segment's records is given back.
  case rollTrim
  /// The zeros of the next segment's file, before anything counts on them.
  case preparedZeros
  /// They get the next segment's name.
  case preparedRename
  /// They go: the log is closed, or their space is needed.
  case preparedRemove
  /// The durable point, every 64 MiB and wherever something depends on it.
  case durablePoint
  /// The index pages that the durable point's checkpoint speaks of.
  case indexPages
  /// The seal's points that the durable point's checkpoint speaks of, and the head that ends a seal.
  case seal
  /// The aborted transactions that the durable point's checkpoint, or a seal, speaks of.
  case transactionIndex
  /// The producers at the start of a segment, at a checkpoint, or at the log's end when it is closed.
  case producers
  /// The name of a snapshot and of a transaction index that a checkpoint speaks of.
  case producersDirectory
  /// A snapshot of what is gone, or that nobody needs any more, goes.
  case producersRemove
  /// The producer ids that may be given out, before they get their name.
  case producerIDs
  /// The producer ids get their name.
  case producerIDsRename
  /// The name of the producer ids, before one of them is used.
  case producerIDsDirectory
  /// Which transactions over several logs count, before that gets its name.
  case transactions
  /// Which transactions over several logs count gets its name.
  case transactionsRename
  /// The name of which transactions over several logs count, before an end marker is written.
  case transactionsDirectory
  /// A rebuilt index, before it gets its name.
  case rebuiltIndex
  /// A rebuilt index gets its name.
  case rebuiltIndexRename
  /// A rebuilt index's name.
  case rebuiltIndexDirectory
  /// The partial bytes of an append that failed go.
  case failedAppendCut
  /// Bytes that recovery moves aside, before they are cut.
  case quarantine
  /// A torn tail goes.
  case recoveryCut
  /// A segment before the last one that no durable point speaks of.
  case recoverySegment
  /// Bytes above the durable point, written anew, and the cut behind them.
  case recoveryRewrite
  /// A segment that lies wholly behind the cut goes, its bytes moved aside before.
  case recoveryRemove
  /// The names that recovery changed.
  case recoveryDirectory
  /// The leader epochs, before they get their name.
  case epochs
  /// The leader epochs get their name.
  case epochsRename
  /// The name of the leader epochs, and of the file with the bytes that recovery moved aside.
  case epochsDirectory
  /// The last segment's records when the log is closed.
  case closeSegment
  /// What was reserved behind the last segment's records is given back.
  case closeTrim
  /// An index is cut to its entries.
  case trimIndex
  /// A file that is made beside the one whose place it takes begins empty.
  case emptyTemporary
  /// Files that an interrupted roll or rebuild left go.
  case removeLeftover
  /// The list of lost offsets, before it gets its name.
  case lost
  /// The list of lost offsets gets its name.
  case lostRename
  /// Damaged bytes that salvage moves aside, before the file with them gets its name.
  case salvageQuarantine
  /// The file with the damaged bytes gets its name.
  case salvageQuarantineRename
  /// The files of a rewritten segment.
  case cleaned
  /// The names of all of them, and of what was kept of the old ones, before any of them is going to count.
  case swapCleanedDirectory
  /// A rewritten file is going to count.
  case swapRename
  /// Of several rewritten segments the one is ready last that decides for all.
  case swapLowestDirectory
  /// The rewritten files count, before the old ones go.
  case swapDirectory
  /// A file that was rewritten goes out of the way.
  case swapDelete
  /// The old files are out of the way, and then the rewritten ones have their names.
  case swapDeletedDirectory
  /// A rewritten file gets its final name.
  case swapFinalRename
  /// An old file is removed.
  case swapRemove
  /// A file of a swap that was never decided is removed.
  case swapAbandon
  /// Such files are gone before what says that they are void.
  case swapAbandonDirectory
  /// A file below the log's start goes out of the way.
  case retentionRename
  /// A file below the log's start is removed.
  case retentionRemove
  /// What a truncation keeps, before the durable point speaks of it.
  case truncateKept
  /// The index of what a truncation keeps gets its name.
  case truncateIndexRename
  /// The new names of the truncated segment's indexes are on the disk.
  case truncateIndexDirectory
  /// A segment behind a truncation goes.
  case truncateRemove
  /// A segment behind a truncation is gone before the one before it goes.
  case truncateRemoveDirectory
  /// The records behind a truncation go.
  case truncateCut
  /// They are gone before anything is appended.
  case truncateCutSync
  /// A copy of a file that has other names too, before it takes the name.
  case unshare
  /// A log's own copy of a file gets the name.
  case unshareRename
  /// The names of such copies, before any of them is written to.
  case unshareDirectory
  /// One of Kafka's checkpoints of a directory, before it gets its name.
  case offsetCheckpoint
  /// A checkpoint of a directory gets its name.
  case offsetCheckpointRename
  /// The names of the checkpoints of a directory.
  case offsetCheckpointDirectory
  /// The mark that all logs were closed, before it gets its name.
  case cleanMark
  /// The mark gets its name.
  case cleanMarkRename
  /// The name of the mark.
  case cleanMarkDirectory
  /// The mark goes before a log is touched.
  case cleanMarkRemove
  /// The mark is gone before a log is touched.
  case cleanMarkRemoveDirectory
  /// The folder of a deleted log gets a name that is no log's.
  case deleteRename
  /// A deleted log is gone.
  case deleteDirectory
  /// A file of a deleted log goes.
  case deleteRemove
  /// The folder of a deleted log goes.
  case deleteRemoveFolder
  /// What an interrupted snapshot has left is removed.
  case snapshotClear
  /// A file that a snapshot copies.
  case snapshotFile
  /// The names of the files of a log in a snapshot, before the snapshot gets its name.
  case snapshotFolder
  /// A snapshot gets its name.
  case snapshotRename
  /// The name of a snapshot.
  case snapshotDirectory
}

extension File {
  func synchronize(_ barrier: Barrier) throws(IOError) {
    if Mutants.leavesOut(barrier) { return }
    try synchronize()
  }

  func resize(to size: Int64, _ barrier: Barrier) throws(IOError) {
    if Mutants.leavesOut(barrier) { return }
    try resize(to: size)
  }
}

extension Mapping {
  func synchronize(_ range: Range<Int>, _ barrier: Barrier) throws(IOError) {
    if Mutants.leavesOut(barrier) { return }
    try synchronize(range)
  }
}

extension FileSystem {
  func synchronizeDirectory(_ path: String, _ barrier: Barrier) throws(IOError) {
    if Mutants.leavesOut(barrier) { return }
    try synchronizeDirectory(path)
  }

  func rename(_ source: String, to destination: String, _ barrier: Barrier) throws(IOError) {
    if Mutants.leavesOut(barrier) { return }
    try rename(source, to: destination)
  }

  func removeDirectory(_ path: String, _ barrier: Barrier) throws(IOError) {
    if Mutants.leavesOut(barrier) { return }
    try removeDirectory(path)
  }

  func remove(_ path: String, _ barrier: Barrier) throws(IOError) {
    if Mutants.leavesOut(barrier) { return }
    try remove(path)
  }
}
