from django.db import migrations

# The audit trail tells: what a worker wrote was read in the file, what came with a request was typed in.
SAY_IN_EVENTS = """
UPDATE labeling_slideevent
SET mpp_source = CASE WHEN pgh_label = 'update' AND pgh_context_id IS NULL THEN 'file' ELSE 'typed' END
WHERE mpp IS NOT NULL
"""
KEEP_THE_FILES = """
UPDATE labeling_slide AS slide
SET file_mpp = event.mpp
FROM (
    SELECT DISTINCT ON (pgh_obj_id) pgh_obj_id, mpp
    FROM labeling_slideevent
    WHERE mpp_source = 'file'
    ORDER BY pgh_obj_id, pgh_id
) AS event
WHERE event.pgh_obj_id = slide.id
"""
SAY_IN_SLIDES = """
UPDATE labeling_slide
SET mpp_source = CASE WHEN mpp = file_mpp THEN 'file' ELSE 'typed' END
WHERE mpp IS NOT NULL
"""


class Migration(migrations.Migration):
    dependencies = [("labeling", "0013_slide_scale_has_a_source")]

    operations = [migrations.RunSQL([SAY_IN_EVENTS, KEEP_THE_FILES, SAY_IN_SLIDES], migrations.RunSQL.noop)]
