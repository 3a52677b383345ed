import BenchmarkKit

/// Results to compare and to draw, made by hand.
enum Sampler {
  static func result(
    _ label: String, workload: String = "append", engine: String = "strata", rate: Double? = nil,
    spread: Double = 0.02, share: Double? = nil, limit: String = "pwrite", parameters: [JSON.Member] = []
  ) -> BenchmarkResult {
    var result = BenchmarkResult(
      workload: workload, engine: engine, label: label,
      parameters: [JSON.Member("name", .string(label))] + parameters)
    result.recordsPerSecond = rate.map { Spread([$0 * (1 - spread), $0, $0 * (1 + spread)]) }
    result.ofLimit = share
    if share != nil { result.limit = .init(limit, .bytesPerSecond(1e9)) }
    result.verified = true
    return result
  }

  static func latency(_ label: String, workload: String = "append", writers: Int? = nil, p50: Int64)
    -> BenchmarkResult
  {
    var result = result(
      label, workload: workload, rate: 1e9 / Double(p50),
      parameters: [
        JSON.Member("durability", .string("synced")), JSON.Member("recordsPerBatch", .integer(1)),
      ] + (writers.map { [JSON.Member("writers", .integer($0))] } ?? []))
    result.latency = Latency(p50: p50, p99: 2 * p50, p999: 5 * p50, maximum: 100 * p50)
    result.limit = .init("fdatasync", .nanoseconds(Double(p50) * 0.9))
    result.ofLimit = 0.9
    return result
  }

  static let environment = [
    JSON.Member("processor", .string("P")), JSON.Member("cores", .integer(2)),
    JSON.Member("kernel", .string("K")),
  ]

  /// The text of a file of results.
  static func file(_ results: [BenchmarkResult], environment: [JSON.Member] = environment) -> String {
    JSON.object([
      JSON.Member("environment", .object(environment)), JSON.Member("results", .array(results.map(\.json))),
    ]).text
  }
}
