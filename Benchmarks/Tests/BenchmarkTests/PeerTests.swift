import BenchmarkKit
import StrataWorkloads
import Testing

/// The peers, where this build has them (`swift test --traits Peers`), and what is said where it has not.
@Suite struct PeerTests {
  #if Peers
    @Test func namesAreTakenOnceAndInOrder() throws {
      #expect(try BenchmarkOptions(parsing: ["--peers", "lmdb,sqlite,lmdb"]).peers == [.lmdb, .sqlite])
      #expect(try BenchmarkOptions(parsing: ["--peers", "all"]).peers == Peer.allCases)
    }
  #else
    @Test func aBuildWithoutThemSaysHowToGetOne() {
      #expect {
        _ = try BenchmarkOptions(parsing: ["--peers", "all"])
      } throws: {
        "\($0)".contains("make bench PEERS=1")
      }
    }
  #endif

  @Test func anUnknownPeerIsNamed() {
    #expect {
      _ = try BenchmarkOptions(parsing: ["--peers", "sqlite,mongo"])
    } throws: {
      "\($0)".contains("there is no peer mongo; there are sqlite, rocksdb, lmdb, and all")
    }
  }

  @Test func theTableHasARowForEachWorkAndARatio() {
    func result(_ engine: String, _ rate: Double, mapped: Bool = false) -> BenchmarkResult {
      Sampler.result(
        "100 B", workload: "scan", engine: engine, rate: rate,
        parameters: mapped ? [JSON.Member("reading", .string("mapped"))] : [])
    }
    let lines = PeerTable([
      result("strata", 4e7), result("strata", 1e8, mapped: true), result("sqlite", 2e7), result("lmdb", 5e7),
    ]).lines
    #expect(lines.count == 4)
    #expect(lines[1].hasPrefix("100 B") && lines[1].hasSuffix("0.80×"))
    #expect(lines[2].hasPrefix("… in place") && lines[2].hasSuffix("2.00×"))
  }
}

#if Peers
  extension WorkloadTests {
    /// Each appends by batches and one by one, by one thread and by 64, scans, and looks up; each reads back all of it.
    @Test func everyPeerWritesAndReadsBack() throws {
      let (report, lines) = try run("append", "scan", "lookup", "--peers", "all")
      let compared = report.results.filter {
        $0.parameters.contains(JSON.Member("comparison", .string("peers")))
      }
      for engine in ["strata"] + Peer.allCases.map(\.rawValue) {
        let own = compared.filter { $0.engine == engine }
        #expect(own.filter { $0.workload == "append" }.count == (engine == "strata" ? 9 : 8), "\(engine)")
        #expect(own.filter { $0.workload == "scan" }.count == (engine == "strata" ? 4 : 2), "\(engine)")
        #expect(own.filter { $0.workload == "lookup" }.count == 1, "\(engine)")
        for result in own {
          #expect(result.verified == true, "\(engine) \(result.label)")
          #expect(
            result.limit != nil && result.ofLimit.map { $0 > 0 } == true, "\(engine) \(result.label)")
        }
      }
      #expect(lines.contains { $0.hasPrefix("append, by turns") && $0.contains("rocksdb") })
      #expect(lines.contains { $0.contains(", reading, checks") })
      for workload in ["append", "scan", "lookup"] {
        for line in PeerTable(compared.filter { $0.workload == workload }).lines {
          #expect(line.count <= 112, "\(line)")
        }
      }
    }
  }
#endif
