/// What an earlier run wrote with `--json`.
public struct ResultFile: Sendable {
  public var environment: [JSON.Member]
  public var results: [BenchmarkResult]
  /// Whether it was asked for the goals.
  public var showsGoals: Bool

  /// Reads the file at `path`.
  ///
  /// - Throws: a sentence that names the file, and the line and column, or the result, where it is not what
  ///   it has to be.
  public init(path: String) throws(BenchmarkError) {
    try self.init(text: TextFile.read(path), path: path)
  }

  /// The same of a file's bytes.
  public init(text bytes: [UInt8], path: String) throws(BenchmarkError) {
    let json: JSON
    do throws(JSONError) {
      json = try JSON(parsing: bytes)
    } catch {
      throw BenchmarkError("\(path): \(error)")
    }
    guard let environment = json["environment"]?.members, let elements = json["results"]?.elements else {
      throw BenchmarkError("\(path): no \"environment\" and \"results\"; take a file that --json wrote")
    }
    self.environment = environment
    showsGoals = json["goals"] != nil
    results = []
    for (place, element) in elements.enumerated() {
      do throws(BenchmarkError) {
        results.append(try BenchmarkResult(json: element))
      } catch {
        throw BenchmarkError("\(path): results[\(place)]: \(error)")
      }
    }
  }
}

extension BenchmarkResult {
  /// The result that an element of `results` tells of.
  ///
  /// - Throws: which key is missing, or is not what it has to be.
  public init(json: JSON) throws(BenchmarkError) {
    guard let workload = json["workload"]?.string, let engine = json["engine"]?.string,
      let parameters = json["parameters"]?.members
    else { throw BenchmarkError("\"workload\", \"engine\" and \"parameters\" have to be there") }
    let words = parameters.map { "\($0.key) \($0.value.words)" }.joined(separator: ", ")
    self.init(
      workload: workload, engine: engine, label: json["label"]?.string ?? words, parameters: parameters)
    recordsPerSecond = try json.read("recordsPerSecond") { Spread(json: $0) }
    bytesPerSecond = try json.read("bytesPerSecond") { Spread(json: $0) }
    latency = try json.read("latencyNanoseconds") { Latency(json: $0) }
    limit = try json.read("limit") { Limit(json: $0) }
    ofLimit = try json.read("ofLimit") { $0.amount }
    syncs = try json.read("syncs") { $0.integer }
    allocationsPerRecord = try json.read("allocationsPerRecord") { $0.amount }
    verified = try json.read("verified") { $0.bool }
    loop = try json.read("loop") { Loop(json: $0) } ?? .closed
    figures =
      try json.read("figures") { $0.members }?.map { member throws(BenchmarkError) in
        guard let value = member.value.amount, value < 1e15 else {
          throw BenchmarkError("\"figures\" is not what --json writes")
        }
        return Figure(member.key, member.key, value, Figure.unit(ofKey: member.key))
      } ?? []
  }
}

extension JSON {
  /// What `read` makes of the value of a key that may be missing.
  fileprivate func read<R>(_ key: String, _ read: (JSON) -> R?) throws(BenchmarkError) -> R? {
    guard let value = self[key] else { return nil }
    guard let result = read(value) else { throw BenchmarkError("\"\(key)\" is not what --json writes") }
    return result
  }

  /// A number that is not below 0.
  fileprivate var amount: Double? { double.flatMap { $0 >= 0 ? $0 : nil } }

  /// For a person: a string without its quotes, the rest as it is written.
  var words: String { string ?? text }
}

extension BenchmarkResult.Limit {
  fileprivate init?(json: JSON) {
    guard let name = json["name"]?.string else { return nil }
    if let value = json["bytesPerSecond"]?.amount {
      self.init(name, .bytesPerSecond(value))
    } else if let value = json["nanoseconds"]?.amount {
      self.init(name, .nanoseconds(value))
    } else {
      return nil
    }
  }
}

extension BenchmarkResult.Loop {
  fileprivate init?(json: JSON) {
    switch (json["kind"]?.string, json["perSecond"]?.amount) {
    case ("closed", nil): self = .closed
    case ("open", let rate?): self = .open(perSecond: rate)
    default: return nil
    }
  }
}

extension Spread {
  fileprivate init?(json: JSON) {
    guard let median = json["median"]?.double, let minimum = json["min"]?.double,
      let maximum = json["max"]?.double, 0 <= minimum, minimum <= median, median <= maximum
    else { return nil }
    self.init([minimum, median, maximum])
  }
}

extension Latency {
  fileprivate init?(json: JSON) {
    guard let p50 = json["p50"]?.integer, let p99 = json["p99"]?.integer, let p999 = json["p999"]?.integer,
      let maximum = json["max"]?.integer, [0, p50, p99, p999, maximum].isAscending
    else { return nil }
    self.init(p50: Int64(p50), p99: Int64(p99), p999: Int64(p999), maximum: Int64(maximum))
  }
}

extension [Int] {
  fileprivate var isAscending: Bool { zip(self, dropFirst()).allSatisfy { $0 <= $1 } }
}
