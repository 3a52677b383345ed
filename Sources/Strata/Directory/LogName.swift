/// The name of a log in a directory, which is that of its folder: `<topic>-<partition>`, by Kafka's rules.
///
/// A topic has 1 to 249 of the characters `a–z A–Z 0–9 . _ -`, and is neither `.` nor `..`; a partition is a number
/// from 0 to 2³¹ − 1 without leading zeros. So `orders-0` is legal, `my-orders-12` too, and `orders` is not.
package struct LogName: Hashable, Sendable {
  package let topic: String
  package let partition: Int32

  /// The longest topic, in bytes. Kafka: `Topic.MAX_NAME_LENGTH`.
  static let maximumTopicBytes = 249

  /// The name of the folder.
  package var text: String { "\(topic)-\(partition)" }

  /// nil where `topic` is not legal.
  package init?(topic: some StringProtocol, partition: Int32) {
    guard partition >= 0, !topic.isEmpty, topic.utf8.count <= Self.maximumTopicBytes, topic != ".",
      topic != "..", topic.utf8.allSatisfy(Self.isLegal)
    else { return nil }
    self.topic = String(topic)
    self.partition = partition
  }

  /// The log that a folder of this name holds; nil where it is none's.
  package init?(_ text: String) {
    guard let dash = text.utf8.lastIndex(of: UInt8(ascii: "-")) else { return nil }
    let digits = text[text.utf8.index(after: dash)...]
    guard digits.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }), digits.utf8.first != 48 || digits.utf8.count == 1,
      let partition = Int32(digits)
    else { return nil }
    self.init(topic: text[..<dash], partition: partition)
  }

  private static func isLegal(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
      true
    default: false
    }
  }

  /// Kafka's end of the name of a folder that is going to be removed: `<name>.<32 digits>-delete`.
  static let deletedSuffix = "-delete"

  /// Whether a folder of this name was given up by a deletion, Kafka's or Strata's.
  static func isDeleted(_ name: String) -> Bool {
    guard name.hasSuffix(deletedSuffix), let dot = name.utf8.lastIndex(of: UInt8(ascii: ".")) else {
      return false
    }
    let prefix = name[..<dot]
    let digits = name[name.utf8.index(after: dot)...].dropLast(deletedSuffix.utf8.count)
    let isHexadecimal = digits.utf8.allSatisfy {
      ($0 >= 48 && $0 <= 57) || ($0 >= 97 && $0 <= 102)
    }
    // A long name was cut, so that it may have lost its partition.
    return digits.utf8.count == 32 && isHexadecimal && !prefix.isEmpty && prefix.utf8.allSatisfy(isLegal)
  }

  /// The name that its folder gets when it is deleted. `number` makes it one that no other has.
  func deletedName(_ time: Int64, _ number: UInt64) -> String {
    let digits = [UInt64(bitPattern: time), number].map { value in
      let text = String(value, radix: 16)
      return String(repeating: "0", count: 16 - text.utf8.count) + text
    }
    let suffix = "." + digits.joined() + Self.deletedSuffix
    return text.prefix(255 - suffix.utf8.count) + suffix
  }
}
