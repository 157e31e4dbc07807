-- The accounts of a new cluster: root with its password, here and from elsewhere, and nobody without a name.
-- Texts are read as they are written below, whatever mode and characters the server has.
SET NAMES utf8mb4;
SET SESSION sql_mode = 'STRICT_TRANS_TABLES';
FLUSH PRIVILEGES;
DELETE FROM mysql.global_priv WHERE User = '';
GRANT ALL PRIVILEGES ON *.* TO 'root'@'localhost' IDENTIFIED BY '' WITH GRANT OPTION;
GRANT ALL PRIVILEGES ON *.* TO 'root'@'%' IDENTIFIED BY '' WITH GRANT OPTION;
