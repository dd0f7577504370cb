use genrex_ledger::testing::Rule;

macro_rules! flaws {
    ($($flaw:ident: $rule:ident,)*) => {
        /// What a storage does wrong.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Flaw {
            $($flaw,)*
        }

        impl Flaw {
            /// All of them, each with the promise that it breaks.
            pub(crate) const ALL: &[(Self, Rule)] = &[$((Self::$flaw, Rule::$rule),)*];
        }
    };
}

flaws! {
    NamesEachProcess: Named,
    NamesAllAlike: Named,
    NamesNothing: Named,
    ForgetsOnReopen: Lasting,
    ForgetsOutcomesOnReopen: Lasting,
    ForgetsHistoryOnReopen: Lasting,
    ForgetsCreditsOnReopen: Lasting,
    ForgetsKeysOnReopen: Lasting,
    ForgetsAliasesOnReopen: Lasting,
    IntendsAgain: Repeatable,
    RecordsTwice: Repeatable,
    TakesHalfAKey: Values,
    AllowsEveryTransition: Transitions,
    DropsWhatHappened: Transitions,
    FindsUnknownJobs: Transitions,
    LosesThePast: History,
    LosesDetails: History,
    FilterIgnoresAccount: Selection,
    FilterIgnoresStates: Selection,
    FilterIgnoresQueryId: Selection,
    FilterIgnoresBody: Selection,
    FilterIgnoresBatch: Selection,
    FilterIgnoresRowName: Selection,
    FilterIgnoresSince: Selection,
    SinceIsExclusive: Selection,
    OrderReversed: Selection,
    OldestFirstIgnored: Selection,
    LimitIgnored: Selection,
    LimitBeforeFilter: Selection,
    QueryIdsUnique: Values,
    CutsTextsAtNul: Values,
    CutsLongTexts: Values,
    WrapsBigNumbers: Values,
    StealsFromTheLiving: Owned,
    RecoversNothing: Owned,
    RecoverIgnoresSent: Owned,
    RecoverIgnoresIntended: Owned,
    RecoversTwice: Owned,
    RecoverDropsUnconfirmed: Owned,
    LeavesWhatIsDropped: Dropped,
    ReleasesNothing: Released,
    ReleasesAll: Released,
    OnceIgnored: Once,
    RivalsCheckedBefore: Once,
    LastIgnored: Once,
    OtherBatchesIgnored: Once,
    AnewIgnored: Once,
    SupersedesNothing: Superseded,
    ActsOnStoredVerdicts: Rechecked,
    LimitCheckedBefore: Limits,
    LimitCheckedUnlocked: Limits,
    TotalIgnored: Limits,
    FailedNotCounted: Credits,
    AmbiguousNotCounted: Credits,
    RunsForgotten: Limits,
    RefundsTwice: Limits,
    CreditsNotKept: Credits,
    CreditsOfAllMixed: Credits,
    AliasNotMoved: Accounts,
    CreditsNotMoved: Accounts,
    AliasesNotKept: Accounts,
    WritesInHalves: OneAtATime,
    NumbersShrink: Decisions,
}
