"""The Toolchain: where datasets, training and experiments meet the services.

Belongs here: versions of datasets in the store, the pipelines, the search for parameters, all in
plain Python that assets, workflows and commands call. Does not belong here: how anything is read
or trained (``hockey``), Dagster.
"""

__all__: list[str] = []
