internal import StrataIO
internal import StrataLock
internal import StrataRecords

extension LogDirectory {
  /// Begins a transaction over any logs of the directory, which is ended by `commit()` or `abort()`. Any number may be
  /// under way at once.
  ///
  /// - Throws: `.damaged` where nobody knows how earlier transactions have ended (`health.transactionFailure`);
  ///   `.closed`, `.noSpace`, `.io`.
  public func beginTransaction() throws(LogError) -> DirectoryTransaction {
    let transaction = DirectoryTransaction(self, try transactions.takeProducer())
    transactions.begin(transaction)
    return transaction
  }

  /// Runs `body` in a transaction, which is committed when it returns and aborted when it throws.
  ///
  /// - Throws: what `body` throws, and as `DirectoryTransaction.commit`.
  @discardableResult
  public func withTransaction<R>(
    durability: Durability? = nil, _ body: (DirectoryTransaction) throws -> R
  ) throws -> R {
    let transaction = try beginTransaction()
    let result: R
    do { result = try body(transaction) } catch {
      // What cannot be aborted now is aborted by `run()`, or by the next opening.
      try? transaction.abort()
      throw error
    }
    try transaction.commit(durability: durability)
    return result
  }

  /// Ends what takes too long, and what nobody holds any more; and sees to the end markers that a log could not take
  /// when they were due.
  func endTransactions(_ mustStop: () -> Bool) {
    if let timeout = configuration.transactionTimeoutMilliseconds {
      for transaction in transactions.transactions(olderThan: timeout) {
        let reason = "it took longer than \(timeout) ms (transactionTimeoutMilliseconds) and was aborted"
        // Somebody may be ending it just now; else it is tried again.
        do throws(LogError) { try transaction.abort(because: reason) } catch {}
      }
    }
    for (name, log) in openedLogs() where !log.openTransactions.isEmpty {
      if mustStop() { return }
      var failure: LogError?
      do throws(LogError) { try transactions.settle(log, name.text) } catch { failure = error }
      note(failure, of: .transactions, name.text)
    }
    // What is not forgotten now is forgotten the next time.
    do throws(LogError) { try transactions.forgetDone() } catch {}
  }

  /// A log has not taken the end marker of a transaction that counts.
  func noteUnmarked(_ name: String, _ log: Log, _ failure: LogError) {
    if isGone(name, log) { transactions.forget(name) }
    note(failure, of: .transactions, name)
  }

  /// Aborts all that is under way, as far as the logs can take it, and decides nothing any more.
  func closeTransactions() {
    for transaction in transactions.transactions(olderThan: 0) {
      do throws(LogError) { try transaction.abort(because: "its directory was closed") } catch {}
    }
    transactions.close()
  }
}
