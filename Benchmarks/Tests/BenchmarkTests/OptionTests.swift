import BenchmarkKit
import Strata
import StrataWorkloads
import Testing

@Suite struct OptionTests {
  @Test func withoutArgumentsEverythingIsMeasured() throws {
    let options = try BenchmarkOptions(parsing: [])
    #expect(options.workloads == Workload.allCases)
    #expect(options.directory == ".build/bench")
    #expect(options.rounds >= 5)
  }

  @Test func everyOptionIsRead() throws {
    let options = try BenchmarkOptions(
      parsing: [
        "scan", "append", "scan", "--directory", "d", "--seconds", "0.5", "--rounds", "7", "--values",
        "64,2048",
        "--batch", "5", "--codec", "none,lz4,zstd:5", "--durability", "synced", "--threads", "2", "--json",
        "f", "--html", "h", "--baseline", "b", "--from", "g", "--rate", "500", "--preparation",
        "none,allocated",
        "--logs", "7", "--keys", "8", "--large", "50", "--goals", "--quick",
      ])
    #expect(options.workloads == [.scan, .append])
    #expect(options.directory == "d")
    #expect(options.seconds == 0.5)
    #expect(options.rounds == 7)
    #expect(options.values == [64, 2048])
    #expect(options.batches == [5])
    #expect(options.codecs == [Compression.none, .lz4(), .zstd(level: 5)])
    #expect(options.durabilities == [.synced])
    #expect(options.threads == 2)
    #expect(options.jsonPath == "f")
    #expect(options.htmlPath == "h")
    #expect(options.baselinePath == "b")
    #expect(options.fromPath == "g")
    #expect(options.rate == 500)
    #expect(options.preparations == ["none", "allocated"])
    #expect(options.logs == 7)
    #expect(options.keys == 8)
    #expect(options.largeLog == 50)
    #expect(options.showsGoals)
    #expect(options.isQuick)
  }

  @Test func whoWantsTheTableWantsTheGoals() throws {
    let options = try BenchmarkOptions(parsing: ["scan", "--markdown", "m"])
    #expect(options.markdownPath == "m" && options.showsGoals)
  }

  @Test func moreIsMeasuredWhereItIsNamed() throws {
    #expect(try BenchmarkOptions(parsing: []).extent == .brief)
    #expect(try BenchmarkOptions(parsing: ["scan"]).extent == .full)
    #expect(try BenchmarkOptions(parsing: ["scan", "--quick"]).extent == .quick)
    let all = try BenchmarkOptions(parsing: ["all"])
    #expect(all.extent == .full && all.workloads == Workload.allCases && all.showsGoals)
    #expect(try !BenchmarkOptions(parsing: ["scan"]).showsGoals)
  }

  @Test(arguments: [
    (["nonsense"], "there is no workload nonsense"),
    (["--rate", "0"], "--rate takes 1 to 10000000, not 0"),
    (["--preparation", "soaked"], "--preparation takes allocated, none, "),
    (["--logs", "x"], "--logs takes 1 to 1000000, not x"),
    (["--keys", "-1"], "--keys takes 1 to 100000000"),
    (["--large", "1"], "--large takes 3 to 100000, not 1"),
    (["--peers", "sqlite,"], "there is no peer ;"),
    (["--html"], "--html needs a value"),
    (["--baseline"], "--baseline needs a value"),
    (["--nonsense"], "there is no option --nonsense"),
    (["--rounds"], "--rounds needs a value"),
    (["--rounds", "0"], "--rounds takes 1 to 1000, not 0"),
    (["--rounds", "many"], "not many"),
    (["--seconds", "-1"], "--seconds takes a number above 0"),
    (["--seconds", "nan"], "--seconds takes a number above 0"),
    (["--values", "100,"], "--values takes 32 to 1048576"),
    (["--values", "1"], "--values takes 32 to 1048576, not 1"),
    (["--batch", "0"], "--batch takes 1 to 100000"),
    (["--codec", "rar"], "there is no codec rar"),
    (["--codec", "snappy:1"], "snappy has no levels"),
    (["--codec", "zstd:99"], "takes -7 to 22, not 99"),
    (["--durability", "maybe"], "not maybe"),
    (["--threads", "0"], "--threads takes 1 to 256"),
  ])
  func whatIsWrongIsSaid(arguments: [String], message: String) {
    do {
      _ = try BenchmarkOptions(parsing: arguments)
      Issue.record("\(arguments) were taken")
    } catch {
      #expect(error.description.contains(message), "\(error)")
      #expect(!error.description.contains("\n"))
    }
  }
}
