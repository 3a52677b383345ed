internal import StrataIO

/// Kafka's mark in a directory that all of its logs were closed: the file `.kafka_cleanshutdown`. That it is there is
/// what counts. Since Kafka 4.0 it holds a JSON object with the epoch that its broker had, −1 where there is none; that
/// is what Strata writes, too.
///
/// It is put there when every log is closed, and gone, durably, before any of them is touched again.
package enum CleanMark {
  package static let fileName = ".kafka_cleanshutdown"
  package static let text = #"{"version":0,"brokerEpoch":-1}"#

  static func isThere(_ directory: String, _ fileSystem: any FileSystem) throws(IOError) -> Bool {
    try fileSystem.metadata(SegmentFiles.path(directory, fileName))?.kind == .file
  }

  static func remove(_ directory: String, _ fileSystem: any FileSystem) throws(IOError) {
    try fileSystem.remove(SegmentFiles.path(directory, fileName), .cleanMarkRemove)
    try fileSystem.synchronizeDirectory(directory, .cleanMarkRemoveDirectory)
  }

  /// For a directory whose logs are all closed.
  static func store(_ directory: String, _ fileSystem: any FileSystem) throws(IOError) {
    let path = SegmentFiles.path(directory, fileName)
    try fileSystem.replace(path, with: Array(text.utf8), .cleanMark, .cleanMarkRename)
    try fileSystem.synchronizeDirectory(directory, .cleanMarkDirectory)
  }
}
