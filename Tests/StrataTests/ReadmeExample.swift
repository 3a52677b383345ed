import Foundation
import Strata
import Testing

// Everything between the suites below stands in the README, word for word; `TidyTests` compares.

func store(at path: String) throws -> [String] {
  let log = try Log.open(path)  // creates it
  let first = try log.append(Record(key: "42", value: #"{"total": 9.5}"#))  // on the disk when it returns

  var builder = RecordBatchBuilder(compression: .none)  // the fast way: many records, one batch
  for total in 1...3 { try builder.append(key: "43".utf8.span, value: "\(total)".utf8.span) }
  try log.append(builder.finish(), durability: .buffered)  // in the kernel; `flush` waits for the disk
  try log.flush()

  var values: [String] = []
  var batches = log.fetch(from: first.baseOffset)
  while let batch = try batches.next() {
    var records = try batch.records()
    while let record = try records.next() {  // nothing is allocated for a record
      if let value = record.value { values.append(String(copying: value)) }
    }
  }
  try log.close()
  return values
}

func follow(_ path: String, count: Int) async throws -> Int {
  let log = try await Log.open(path)
  var seen = 0
  for try await batch in log.tail(from: .earliest) {  // waits for what comes
    seen += batch.recordCount
    if seen >= count { break }
  }
  try await log.close()
  return seen
}

@Suite struct ReadmeExample {
  @Test func theExampleRuns() async throws {
    let scratch = Scratch()
    #expect(try store(at: scratch("orders")) == [#"{"total": 9.5}"#, "1", "2", "3"])
    #expect(try await follow(scratch("orders"), count: 4) == 4)
  }
}
