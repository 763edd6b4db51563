/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Recommend,
    GetBook,
    ListBooks,
    SearchBooks,
    ListCategories,
    ListSimilarBooks,
    CreateReader,
    Rate,
    Unrate,
    Dismiss,
    Undismiss,
    Shelve,
    Own,
    ListHistory,
    ExportHistory,
    EraseReader,
    ImportLibrary,
    RecordEvents,
    ListModels,
    ListJobs,
    Train,
    CancelJob,
    ActivateModel,
    RollBackModel,
    GetVariantReport,
    GetStatistics,
    WatchHealth,
}

impl Method {
    /// Those that are counted.
    pub(crate) const CALLS: [Self; 26] = [
        Self::Recommend,
        Self::GetBook,
        Self::ListBooks,
        Self::SearchBooks,
        Self::ListCategories,
        Self::ListSimilarBooks,
        Self::CreateReader,
        Self::Rate,
        Self::Unrate,
        Self::Dismiss,
        Self::Undismiss,
        Self::Shelve,
        Self::Own,
        Self::ListHistory,
        Self::ExportHistory,
        Self::EraseReader,
        Self::ImportLibrary,
        Self::RecordEvents,
        Self::ListModels,
        Self::ListJobs,
        Self::Train,
        Self::CancelJob,
        Self::ActivateModel,
        Self::RollBackModel,
        Self::GetVariantReport,
        Self::GetStatistics,
    ];

    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::Recommend => "/Recommendations/Recommend",
            Self::GetBook => "/shelfwise.catalogue.v1.CatalogueService/GetBook",
            Self::ListBooks => "/shelfwise.catalogue.v1.CatalogueService/ListBooks",
            Self::SearchBooks => "/shelfwise.catalogue.v1.CatalogueService/SearchBooks",
            Self::ListCategories => "/shelfwise.catalogue.v1.CatalogueService/ListCategories",
            Self::ListSimilarBooks => "/shelfwise.catalogue.v1.CatalogueService/ListSimilarBooks",
            Self::CreateReader => "/shelfwise.readers.v1.ReadersService/CreateReader",
            Self::Rate => "/shelfwise.readers.v1.ReadersService/Rate",
            Self::Unrate => "/shelfwise.readers.v1.ReadersService/Unrate",
            Self::Dismiss => "/shelfwise.readers.v1.ReadersService/Dismiss",
            Self::Undismiss => "/shelfwise.readers.v1.ReadersService/Undismiss",
            Self::Shelve => "/shelfwise.readers.v1.ReadersService/Shelve",
            Self::Own => "/shelfwise.readers.v1.ReadersService/Own",
            Self::ListHistory => "/shelfwise.readers.v1.ReadersService/ListHistory",
            Self::ExportHistory => "/shelfwise.readers.v1.ReadersService/ExportHistory",
            Self::EraseReader => "/shelfwise.readers.v1.ReadersService/EraseReader",
            Self::ImportLibrary => "/shelfwise.readers.v1.ReadersService/ImportLibrary",
            Self::RecordEvents => "/shelfwise.readers.v1.ReadersService/RecordEvents",
            Self::ListModels => "/shelfwise.models.v1.ModelsService/ListModels",
            Self::ListJobs => "/shelfwise.models.v1.ModelsService/ListJobs",
            Self::Train => "/shelfwise.models.v1.ModelsService/Train",
            Self::CancelJob => "/shelfwise.models.v1.ModelsService/CancelJob",
            Self::ActivateModel => "/shelfwise.models.v1.ModelsService/ActivateModel",
            Self::RollBackModel => "/shelfwise.models.v1.ModelsService/RollBackModel",
            Self::GetVariantReport => "/shelfwise.models.v1.ModelsService/GetVariantReport",
            Self::GetStatistics => "/shelfwise.models.v1.ModelsService/GetStatistics",
            Self::WatchHealth => "/grpc.health.v1.Health/Watch",
        }
    }

    /// Whether servers ask for the token.
    pub(crate) const fn is_guarded(self) -> bool {
        match self {
            Self::Recommend
            | Self::GetBook
            | Self::ListBooks
            | Self::SearchBooks
            | Self::ListCategories
            | Self::ListSimilarBooks
            | Self::WatchHealth => false,
            Self::CreateReader
            | Self::Rate
            | Self::Unrate
            | Self::Dismiss
            | Self::Undismiss
            | Self::Shelve
            | Self::Own
            | Self::ListHistory
            | Self::ExportHistory
            | Self::EraseReader
            | Self::ImportLibrary
            | Self::RecordEvents
            | Self::ListModels
            | Self::ListJobs
            | Self::Train
            | Self::CancelJob
            | Self::ActivateModel
            | Self::RollBackModel
            | Self::GetVariantReport
            | Self::GetStatistics => true,
        }
    }

    /// Whether it does no harm when a server carries it out twice.
    pub(crate) const fn may_be_repeated(self) -> bool {
        match self {
            // Each time, it is another reader, job or model.
            Self::CreateReader | Self::Train | Self::CancelJob | Self::RollBackModel => false,
            Self::Recommend
            | Self::GetBook
            | Self::ListBooks
            | Self::SearchBooks
            | Self::ListCategories
            | Self::ListSimilarBooks
            | Self::Rate
            | Self::Unrate
            | Self::Dismiss
            | Self::Undismiss
            | Self::Shelve
            | Self::Own
            | Self::ListHistory
            | Self::ExportHistory
            | Self::EraseReader
            | Self::ImportLibrary
            | Self::RecordEvents
            | Self::ListModels
            | Self::ListJobs
            | Self::ActivateModel
            | Self::GetVariantReport
            | Self::GetStatistics
            | Self::WatchHealth => true,
        }
    }
}
